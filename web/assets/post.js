// Hands a one-time body to one of the app's own routes, then reloads, so that the next page load carries
// the session cookie that the route set or cleared. Other tabs of this browser are told to reload too.
export default function (component) {
  const { url, body } = component.data;
  const started = (globalThis.__byokPosted ??= new Set());
  const once = url + JSON.stringify(body);
  if (started.has(once)) return;
  started.add(once);
  fetch(url, {
    method: "POST",
    credentials: "same-origin",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  })
    .then((response) => {
      // Reloading would hide a refusal: say it where the element stands.
      if (!response.ok) throw new Error(`The app refused this (${response.status}).`);
      globalThis.__byokReloading = true; // this tab hears its own message, and must not reload a second time
      new BroadcastChannel("byok-session").postMessage("changed");
      location.reload();
    })
    .catch((error) => {
      const note = document.createElement("p");
      note.setAttribute("role", "alert");
      note.textContent = `${error.message} Load the page again; if it stays so, ask the operator of this workbench.`;
      component.parentElement.append(note);
    });
}
