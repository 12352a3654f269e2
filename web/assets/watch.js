// Reloads this tab when another tab of the same browser signs in or out.
export default function () {
  const channel = new BroadcastChannel("byok-session");
  channel.onmessage = () => location.reload();
  return () => channel.close();
}
