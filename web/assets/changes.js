// Hears from the server that the company's usage has changed, and lets this part of the page be drawn again.
const SOURCES = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  // One connection for as long as the element stands: it knows itself what it has told.
  if (!SOURCES.has(parentElement)) SOURCES.set(parentElement, { source: new EventSource(data.url) });
  const kept = SOURCES.get(parentElement);
  kept.source.onmessage = (event) => setTriggerValue("changed", event.data);
  return () => {
    kept.source.close();
    SOURCES.delete(parentElement);
  };
}
