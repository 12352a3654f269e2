// The Playground by keyboard: Esc stops what is running, Alt+arrow goes to the next column, / to the input. After
// sending, the input has the focus again, wherever it was lost to.
const input = () => document.querySelector("[data-testid=stChatInputTextArea]");

function columns() {
  const all = [...document.querySelectorAll("[class*=st-key-cell-]")];
  const last = all.at(-1)?.className.match(/st-key-cell-([0-9a-f-]{36})/)?.[1]; // the newest message's
  return all.filter((one) => one.className.includes(`st-key-cell-${last}`));
}

function go(step) {
  const all = columns();
  if (!all.length) return;
  const here = all.findIndex((one) => one.contains(document.activeElement));
  const next = all[(here + step + all.length) % all.length];
  next.tabIndex = -1;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest", inline: "center" });
}

function onKey(event) {
  if (document.querySelector("[role=dialog]")) return;
  const typing = event.target.closest?.("input, textarea, [contenteditable=true]");
  if (event.key === "Escape") {
    if (document.querySelector("[data-baseweb=popover], [role=listbox], [role=menu]")) return;
    const all = document.querySelector(".st-key-stop-all button"); // where one answer runs alone, only its card has one
    (all ?? document.querySelector("[class*=st-key-stop-] button"))?.click();
  } else if (event.altKey && ["ArrowRight", "ArrowLeft"].includes(event.key)) {
    go(event.key === "ArrowRight" ? 1 : -1);
  } else if (event.key === "/" && !typing) {
    input()?.focus();
  } else {
    return;
  }
  event.preventDefault();
}

export default function (component) {
  const { data } = component;
  const sent = (globalThis.__byokSent ??= { last: data.sent });
  if (sent.last !== data.sent) {
    sent.last = data.sent;
    setTimeout(() => {
      // The page is still being drawn when this element is; by now somebody may have gone on to another place.
      if ([null, document.body].includes(document.activeElement)) input()?.focus();
    }, 50);
  }
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}
