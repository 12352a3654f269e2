// Reloads this tab when another tab of the same browser signs in or out. A message that came before this element
// stood here, or while the tab slept, is made up for by asking who is signed in.
// And has the page drawn anew when its connection is back, but not at the process that drew it, or not at the session:
// what runs alone there, a fragment or a dialog, would be unknown, and every click in it without an answer.
const KEPT_FOR = 100000; // milliseconds; Streamlit forgets a session that was away for 120 s
const AWAY = new WeakMap(); // since when, by element

async function session() {
  try {
    const answer = await fetch("/app/session", { credentials: "same-origin" });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // the app is away for a moment; the next look will tell
  }
}

function reload() {
  if (globalThis.__byokReloading) return;
  const last = Number(sessionStorage.getItem("byok-reloaded") ?? 0);
  if (Date.now() - last < 5000) return; // never in a circle
  sessionStorage.setItem("byok-reloaded", String(Date.now()));
  location.reload();
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const look = async () => {
    if (document.visibilityState !== "visible") return;
    const now = await session();
    if (now && now.person !== data.person) reload();
  };
  const app = document.querySelector("[data-testid=stApp]");
  const connection = async () => {
    if (app.dataset.testConnectionState !== "CONNECTED") {
      if (!AWAY.has(parentElement)) AWAY.set(parentElement, Date.now());
      return;
    }
    const since = AWAY.get(parentElement);
    if (since === undefined) return;
    AWAY.delete(parentElement);
    const now = await session();
    if (!now) return;
    if (now.person !== data.person) reload();
    else if (now.process !== data.process || Date.now() - since > KEPT_FOR) setTriggerValue("back", Date.now());
  };
  const watcher = app && new MutationObserver(connection);
  watcher?.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] });
  const channel = new BroadcastChannel("byok-session");
  channel.onmessage = () => globalThis.__byokReloading || location.reload();
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    watcher?.disconnect();
    channel.close();
    document.removeEventListener("visibilitychange", look);
  };
}
