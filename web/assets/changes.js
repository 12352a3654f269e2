// Hears from the server that the usage has changed, and lets these parts of the page be drawn again.
const LISTENING = new WeakMap();
const SHORTEST_WAIT = 1000; // milliseconds
const LONGEST_WAIT = 30000;
const ASK_AGAIN = [4000, 8000, 16000]; // after these the page was not drawn: it does not hear us, and is loaded anew

function listen(one) {
  const source = (one.source = new EventSource(one.url));
  source.onopen = () => {
    one.wait = SHORTEST_WAIT;
    if (one.lost) ask(one, 0); // what came meanwhile; and whether the page still hears us
    one.lost = false;
  };
  source.onmessage = () => ask(one, 0);
  source.onerror = () => {
    one.lost = true;
    clearTimeout(one.asking);
    if (source.readyState !== EventSource.CLOSED) return; // a lost connection: the browser tries again by itself
    // It gives up on what is no stream: a proxy's page, or the word that nobody is signed in any more.
    one.tell("lost");
    one.retrying = setTimeout(() => listen(one), one.wait);
    one.wait = Math.min(2 * one.wait, LONGEST_WAIT);
  };
}

function ask(one, tries) {
  clearTimeout(one.asking);
  if (tries >= ASK_AGAIN.length && !inUse()) return location.reload();
  one.asking = setTimeout(() => ask(one, tries + 1), ASK_AGAIN[tries] ?? SHORTEST_WAIT);
  if (tries < ASK_AGAIN.length) one.tell(tries);
}

// Loading the page anew would close a dialog.
function inUse() {
  return document.querySelector("[data-testid=stDialog]") !== null;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  // One connection for as long as the element stands: it knows itself what it has told.
  const fresh = { url: data.url, drawn: data.drawn, wait: SHORTEST_WAIT, lost: false, asking: null, retrying: null };
  const one = LISTENING.get(parentElement) ?? fresh;
  one.tell = (what) => setTriggerValue("changed", `${what} ${Date.now()}`);
  one.url = data.url; // for the next connection
  if (one.drawn !== data.drawn) clearTimeout(one.asking);
  one.drawn = data.drawn;
  if (!LISTENING.has(parentElement)) {
    LISTENING.set(parentElement, one);
    listen(one);
  }
  return () => {
    one.source.close();
    clearTimeout(one.asking);
    clearTimeout(one.retrying);
    LISTENING.delete(parentElement);
  };
}
