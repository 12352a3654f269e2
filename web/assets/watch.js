// Reloads this tab when another tab of the same browser signs in or out. A message that came before this element
// stood here, or while the tab slept, is made up for by asking who is signed in.
export default function (component) {
  const drawnFor = component.data.person;
  const look = async () => {
    if (document.visibilityState !== "visible") return;
    try {
      const answer = await fetch("/app/session", { credentials: "same-origin" });
      if (!answer.ok || (await answer.json()).person === drawnFor) return;
    } catch {
      return; // the app is away for a moment; the next look will tell
    }
    if (globalThis.__byokReloading) return;
    const last = Number(sessionStorage.getItem("byok-reloaded") ?? 0);
    if (Date.now() - last < 5000) return; // never in a circle
    sessionStorage.setItem("byok-reloaded", String(Date.now()));
    location.reload();
  };
  const channel = new BroadcastChannel("byok-session");
  channel.onmessage = () => globalThis.__byokReloading || location.reload();
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    channel.close();
    document.removeEventListener("visibilitychange", look);
  };
}
