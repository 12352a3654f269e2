// The usage table: draws it, folds its groups, and says which number was clicked. It is drawn on the server, where
// names that others gave are escaped.
const FOLDED = new WeakMap();

// What the number counts: which attempts its row is about, and which of them.
function attempts(button) {
  const about = JSON.parse(button.closest("tr").dataset.about);
  const [source, which] = button.dataset.of.split(" ");
  const where = { ...about.where, which, ...(source === "both" ? {} : { source }) };
  return JSON.stringify({ name: about.name, where });
}

// A button by what it stands for, so that it is found again in a table that was drawn anew.
function named(button) {
  const row = button.closest("tr");
  return JSON.stringify([row.dataset.about, button.dataset.of ?? ""]);
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".usage-table");
  if (!FOLDED.has(root)) FOLDED.set(root, { folded: new Set(), html: "" });
  const kept = FOLDED.get(root);
  const folded = kept.folded;
  if (kept.html !== data.html) {
    const { scrollLeft, scrollTop } = root;
    const focus = root.getRootNode().activeElement;
    const focused = root.contains(focus) && focus.tagName === "BUTTON" ? named(focus) : "";
    root.innerHTML = data.html;
    kept.html = data.html;
    root.scrollLeft = scrollLeft;
    root.scrollTop = scrollTop;
    const buttons = [...root.querySelectorAll("button")];
    for (const button of buttons) {
      button.type = "button";
      if (button.dataset.of) button.title = "Show these attempts";
    }
    if (focused) buttons.find((one) => named(one) === focused)?.focus({ preventScroll: true });
  }
  const fold = (button, closed) => {
    button.setAttribute("aria-expanded", String(!closed));
    root.querySelector(`#${button.getAttribute("aria-controls")}`).hidden = closed;
  };
  for (const button of root.querySelectorAll("button.fold")) fold(button, folded.has(button.dataset.fold));
  root.onclick = (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.of) setTriggerValue("open", attempts(button));
    if (!button.dataset.fold) return;
    const closed = !folded.delete(button.dataset.fold);
    if (closed) folded.add(button.dataset.fold);
    fold(button, closed);
  };
}
