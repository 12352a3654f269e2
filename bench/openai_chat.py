"""The ten lines that `byok chat` is compared with: the openai SDK, one streamed answer to standard output."""

import sys

from openai import OpenAI

client = OpenAI(api_key="a-made-up-" + "key", base_url=sys.argv[1])
messages = [{"role": "user", "content": sys.argv[2]}]
for chunk in client.chat.completions.create(model="bench-1", messages=messages, stream=True):
    if chunk.choices and chunk.choices[0].delta.content:
        sys.stdout.write(chunk.choices[0].delta.content)
        sys.stdout.flush()
