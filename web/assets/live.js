// Shows one running answer. All answers on a page share one EventSource (a browser allows only six connections
// to a host), held in a registry by URL; each element listens for its own place in that stream.
// An event lists what changed in each answer: blocks as [index, keep, rest], of whose HTML `keep` characters stay.
const streams = (globalThis.__byokStreams ??= new Map());

const SHORTEST_WAIT = 1000; // milliseconds
const LONGEST_WAIT = 30000;
const ASK_AGAIN = [4000, 8000, 16000]; // after these the page did not hear that an answer has ended: load it anew
const ALL = -1; // the place of whoever waits for the end of all
const APART = 150; // milliseconds between two tellings
const JUST_NOW = 500;

function connect(url, stream) {
  const source = (stream.source = new EventSource(url));
  source.onmessage = (event) => {
    stream.wait = SHORTEST_WAIT;
    for (const change of JSON.parse(event.data)) take(stream, change);
  };
  source.addEventListener("bye", () => {
    source.close();
    if (streams.get(url) === stream) streams.delete(url);
    stream.over = true;
    stream.listeners.get(ALL)?.([], true);
  });
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return; // a lost connection: the browser tries again by itself
    // It gives up on an answer that is no stream, e.g. a proxy's page: the app may know more, and we try again.
    for (const listener of [...stream.listeners.values()]) listener([], true);
    setTimeout(() => streams.get(url) === stream && connect(url, stream), stream.wait);
    stream.wait = Math.min(2 * stream.wait, LONGEST_WAIT);
  };
}

function take(stream, message) {
  const answer = answerAt(stream, message.a);
  if (message.reset) answer.blocks = [];
  const changed = (message.b ?? []).map(([index, keep, rest]) => {
    answer.blocks[index] = (answer.blocks[index] ?? "").slice(0, keep) + rest;
    return index;
  });
  answer.ended ||= Boolean(message.end);
  stream.listeners.get(message.a)?.(message.reset ? null : changed, answer.ended);
}

function answerAt(stream, place) {
  if (!stream.answers.has(place)) stream.answers.set(place, { blocks: [], ended: false });
  return stream.answers.get(place);
}

function join(url, place, listener) {
  let stream = streams.get(url);
  if (!stream) {
    stream = { source: null, listeners: new Map(), answers: new Map(), wait: SHORTEST_WAIT, over: false };
    streams.set(url, stream);
    connect(url, stream);
  }
  stream.listeners.set(place, listener);
  // What came before this element stood here, or stood here again, is not sent a second time.
  if (place !== ALL) listener(null, answerAt(stream, place).ended);
  return () => {
    if (stream.listeners.get(place) === listener) stream.listeners.delete(place);
    if (stream.listeners.size === 0) {
      stream.source.close();
      if (streams.get(url) === stream) streams.delete(url);
    }
  };
}

// Streamlit sends what changes at one moment as one message, for one fragment of the page: the others would not hear.
// So the page is told of one end after the other; the end of all takes the place of those that still wait.
const tellings = (globalThis.__byokTellings ??= { waiting: [], timer: null });

function tellInTurn(one, place) {
  if (place === ALL) tellings.waiting = [];
  tellings.waiting.push(one);
  tellings.timer ??= setTimeout(tellNext, APART / 5);
}

function tellNext() {
  const one = tellings.waiting.shift();
  tellings.timer = one ? setTimeout(tellNext, APART) : null;
  one?.();
}

// Drawing the whole page would close a dialog, or one that is just being opened by a click.
const clicks = (globalThis.__byokClicks ??= listenForClicks());

function listenForClicks() {
  const seen = { last: 0 };
  for (const kind of ["pointerdown", "keydown"]) {
    document.addEventListener(kind, () => (seen.last = Date.now()), { capture: true, passive: true });
  }
  return seen;
}

function inUse() {
  const app = document.querySelector("[data-testid=stApp]");
  const runs = app !== null && app.dataset.testScriptState !== "notRunning";
  return runs || Date.now() - clicks.last < JUST_NOW || document.querySelector("[data-testid=stDialog]") !== null;
}

// What is to be drawn in the next frame, for all answers of the page at once: first everything is written, then what
// follows its end is scrolled, so that the browser lays the page out once and not once for each column.
const drawing = (globalThis.__byokDrawing ??= { waiting: new Map(), asked: false });

// Draws the changed blocks, or all of them where `changed` is null.
function drawSoon(root, blocks, changed) {
  const before = drawing.waiting.get(root)?.changed;
  const all = changed === null || before === null;
  drawing.waiting.set(root, { blocks, changed: all ? null : new Set([...(before ?? []), ...changed]) });
  if (!drawing.asked) requestAnimationFrame(drawAll);
  drawing.asked = true;
}

function drawAll() {
  const roots = [...drawing.waiting];
  drawing.waiting.clear();
  drawing.asked = false;
  for (const [root, { blocks, changed }] of roots) write(root, blocks, changed);
  for (const [root] of roots) if (root.__follows) root.scrollTop = 1e7;
}

function write(root, blocks, changed) {
  if (changed === null) root.querySelectorAll(":scope > :not(.waiting)").forEach((element) => element.remove());
  if (blocks.length) root.querySelector(".waiting")?.remove();
  const elements = root.children;
  for (const index of changed ?? blocks.keys()) {
    while (elements.length <= index) root.append(document.createElement("div"));
    elements[index].innerHTML = blocks[index] ?? ""; // sanitised on the server
  }
}

// An answer is followed to its end, unless somebody has scrolled up in it.
function follow(root) {
  root.__follows = true;
  root.onscroll = () => {
    root.__follows = root.scrollHeight - root.scrollTop - root.clientHeight < 40;
  };
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".live, .ended");
  const state = (root.__live ??= { url: null, timer: null });
  if (data.place !== ALL) root.setAttribute("aria-label", data.label);
  if (root.__follows === undefined) follow(root);
  const tell = (tries) => {
    if (tries > ASK_AGAIN.length) return location.reload();
    state.timer = setTimeout(() => tell(tries + 1), ASK_AGAIN[tries] ?? SHORTEST_WAIT);
    tellInTurn(() => {
      if (state.timer === null) return;
      if (data.place !== ALL || !inUse()) return setTriggerValue("ended", tries);
      clearTimeout(state.timer);
      state.timer = setTimeout(() => tell(tries), APART);
    }, data.place);
  };
  state.ended = () => {
    if (state.timer === null) tell(0);
  };
  if (state.url !== data.url) {
    state.leave?.();
    state.url = data.url;
    state.leave = join(data.url, data.place, (changed, ended) => {
      if (data.place !== ALL) drawSoon(root, streams.get(data.url)?.answers.get(data.place)?.blocks ?? [], changed);
      if (ended) {
        if (data.place !== ALL) root.setAttribute("aria-busy", "false");
        state.ended();
      }
    });
  }
  return () => {
    clearTimeout(state.timer);
    state.timer = null;
    state.leave?.();
    state.url = null;
  };
}
