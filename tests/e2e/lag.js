// What a page measures of itself: at each animation frame, the tokens `t<ms>` of paced answers that came into sight.
// A column is known by the mark `aN` that its answer begins with, so running and finished, redrawn or not, it is one.
(() => {
  if (globalThis.__lag) return;
  const ANSWERS = ".live, .answer, [data-testid=stMarkdownContainer]";
  const MARK = /^\s*(a\d+) t\d{13}\b/;
  const TOKEN = /\bt(\d{13})\b/g;
  const LOOK_AGAIN = 500; // milliseconds until a text without the mark is looked at again

  const columns = new Map(); // mark -> { last, written, lags }
  const states = new WeakMap(); // element -> what was seen of it
  const shadows = new Set();
  let light = []; // the answers outside of shadow roots
  let lightChanged = true;
  let tasks = [];
  let own, frames, before, gap;

  function noteShadows(root) {
    for (const element of root.querySelectorAll("*")) {
      if (!element.shadowRoot) continue;
      shadows.add(element.shadowRoot);
      noteShadows(element.shadowRoot);
    }
  }

  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (...how) {
    const root = attach.apply(this, how);
    shadows.add(root);
    return root;
  };

  function textFromEnd(walker) {
    let node = walker.root;
    while (node.lastChild) node = node.lastChild;
    walker.currentNode = node;
    if (node.nodeType !== Node.TEXT_NODE) node = walker.previousNode();
    while (node && !node.data.trim()) node = walker.previousNode();
    return node;
  }

  function columnOf(walker) {
    walker.currentNode = walker.root;
    let node;
    do node = walker.nextNode();
    while (node && !node.data.trim());
    const mark = node && MARK.exec(node.data)?.[1];
    if (!mark) return null;
    if (!columns.has(mark)) columns.set(mark, { last: 0, written: [], lags: [] });
    return columns.get(mark);
  }

  function look(element, now) {
    let state = states.get(element);
    if (!state) {
      const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      states.set(element, (state = { walker, node: null, length: 0, column: null, again: 0 }));
    }
    if (state.again > now) return;
    let node = textFromEnd(state.walker);
    if (!node || (node === state.node && node.data.length === state.length)) return;
    [state.node, state.length] = [node, node.data.length];
    state.column ??= columnOf(state.walker);
    if (!state.column) {
      [state.again, state.node] = [now + LOOK_AGAIN, null];
      return;
    }
    // Tokens grow within an answer: backwards to the first one that was seen before.
    const { column, walker } = state;
    const fresh = [];
    walker.currentNode = node;
    for (; node; node = walker.previousNode()) {
      const found = Array.from(node.data.matchAll(TOKEN), (one) => Number(one[1]));
      const unseen = found.filter((one) => one > column.last);
      fresh.push(...unseen.reverse());
      if (unseen.length < found.length) break;
    }
    for (const written of fresh.reverse()) {
      column.written.push(written);
      column.lags.push(now - written);
      column.last = written;
    }
  }

  function sample() {
    const now = Date.now();
    if (lightChanged) {
      light = [...document.querySelectorAll(ANSWERS)];
      lightChanged = false;
    }
    for (const element of light) look(element, now);
    for (const root of shadows) {
      if (root.host.isConnected) for (const element of root.querySelectorAll(ANSWERS)) look(element, now);
    }
  }

  function frame() {
    const began = performance.now();
    sample();
    const ended = performance.now();
    own += ended - began;
    frames += 1;
    if (before) gap = Math.max(gap, began - before);
    before = began;
    requestAnimationFrame(frame);
  }

  const observer = new PerformanceObserver((list) => note(list.getEntries()));
  function note(entries) {
    tasks.push(...entries.map((one) => [one.startTime, one.duration]));
  }

  function begin() {
    sample();
    note(observer.takeRecords());
    for (const column of columns.values()) [column.written, column.lags] = [[], []];
    [tasks, own, frames, before, gap] = [[], 0, 0, 0, 0];
    globalThis.__lag.since = performance.now();
  }

  function read() {
    sample();
    note(observer.takeRecords());
    const since = globalThis.__lag.since;
    const seen = [...columns].filter(([, column]) => column.lags.length);
    return {
      columns: Object.fromEntries(seen.map(([mark, { written, lags }]) => [mark, { written, lags }])),
      tasks: tasks.filter(([start]) => start >= since).map(([, duration]) => duration),
      frames,
      gap,
      own,
    };
  }

  globalThis.__lag = { begin, read, since: 0 };
  noteShadows(document);
  observer.observe({ type: "longtask", buffered: true });
  new MutationObserver(() => (lightChanged = true)).observe(document, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ["class", "data-testid"],
  });
  begin();
  requestAnimationFrame(frame);
})();
