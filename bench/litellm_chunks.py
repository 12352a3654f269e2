"""One contender of `stream_chunks.py`, in a process of its own: reads the stream once for each line it is sent."""

import asyncio
import json
import os
import sys
import time

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or its import asks the network for prices

import litellm


async def one_round(base_url: str) -> dict[str, float]:
    """How many chunks with text came, and the CPU seconds for them."""
    began, chunks = time.process_time(), 0
    stream = await litellm.acompletion(
        model="openai/m",
        api_base=base_url,
        api_key="a-made-up-key",
        messages=[{"role": "user", "content": "Hello"}],
        stream=True,
    )
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            chunks += 1
    return {"chunks": chunks, "cpu_seconds": time.process_time() - began}


async def main() -> None:
    """Serves its standard input to the end."""
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await one_round(sys.argv[1])), flush=True)


asyncio.run(main())
