// Shows one running answer. All answers on a page share one EventSource (a browser allows only six connections
// to a host), held in a registry by URL; each element listens for its own answer id.
// An event carries changed blocks as [index, keep, rest]: the first `keep` characters of that block's HTML stay.
const streams = (globalThis.__byokStreams ??= new Map());

const SHORTEST_WAIT = 1000; // milliseconds
const LONGEST_WAIT = 30000;

function connect(url, stream) {
  const source = (stream.source = new EventSource(url));
  source.onmessage = (event) => {
    stream.wait = SHORTEST_WAIT;
    const message = JSON.parse(event.data);
    stream.listeners.get(message.a)?.(message);
  };
  source.addEventListener("bye", () => {
    source.close();
    if (streams.get(url) === stream) streams.delete(url);
  });
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return; // a lost connection: the browser tries again by itself
    // It gives up on an answer that is no stream, e.g. a proxy's page: the app may know more, and we try again.
    for (const listener of [...stream.listeners.values()]) listener({ lost: 1 });
    setTimeout(() => streams.get(url) === stream && connect(url, stream), stream.wait);
    stream.wait = Math.min(2 * stream.wait, LONGEST_WAIT);
  };
}

function join(url, answer, listener) {
  let stream = streams.get(url);
  if (!stream) {
    stream = { source: null, listeners: new Map(), wait: SHORTEST_WAIT };
    streams.set(url, stream);
    connect(url, stream);
  }
  stream.listeners.set(answer, listener);
  return () => {
    if (stream.listeners.get(answer) === listener) stream.listeners.delete(answer);
    if (stream.listeners.size === 0) {
      stream.source.close();
      if (streams.get(url) === stream) streams.delete(url);
    }
  };
}

function draw(root, blocks, changes) {
  for (const [index, keep, rest] of changes) {
    while (blocks.length <= index) {
      const element = document.createElement("div");
      root.append(element);
      blocks.push({ element, html: "" });
    }
    const block = blocks[index];
    block.html = block.html.slice(0, keep) + rest;
    block.element.innerHTML = block.html; // sanitised on the server
  }
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".live");
  const state = (root.__live ??= { url: null, blocks: [] });
  state.ended = () => setTriggerValue("ended", data.answer);
  if (state.url !== data.url) {
    state.leave?.();
    state.url = data.url;
    state.leave = join(data.url, data.answer, (message) => {
      if (message.reset) {
        state.blocks = [];
        root.querySelectorAll(":scope > :not(.waiting)").forEach((element) => element.remove());
      }
      if (message.b?.length) {
        root.querySelector(".waiting")?.remove();
        draw(root, state.blocks, message.b);
      }
      if (message.end) root.setAttribute("aria-busy", "false");
      if (message.end || message.lost) state.ended();
    });
  }
  return () => {
    state.leave?.();
    state.url = null;
  };
}
