// What the browser alone can do: remember colours and a time zone, copy text, keep the focus in a dialog.
window.dashboard = {
  colours: () => localStorage.getItem("colours"),
  keepColours: value => localStorage.setItem("colours", value),
  timeZone: () => localStorage.getItem("timeZone") || Intl.DateTimeFormat().resolvedOptions().timeZone,
  keepTimeZone: value => localStorage.setItem("timeZone", value),
  copy: async text => {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return true;
    }
    // Without TLS, away from loopback, browsers give no clipboard: the text is selected by hand.
    return false;
  }
};

// What is chosen on a page, in its address: unless another page is there by now.
window.dashboard.keepAddress = (path, query) => {
  if (location.pathname === path) history.replaceState(history.state, "", path + (query ? "?" + query : ""));
};

// Other tabs of this browser are told, whichever control plane they are connected to, once the cookie is gone: they ask for a login then.
const tabs = new BroadcastChannel("netbird");
tabs.onmessage = () => location.reload();
window.dashboard.signOut = async () => {
  try {
    const answer = await fetch("/logout", { method: "POST", credentials: "same-origin", cache: "no-store" });
    if (answer.ok) tabs.postMessage("signed out");
  } finally {
    // Says that it is done; where it is not, the page is there as before.
    location.assign("/logout");
  }
};

// The first field below, for whoever works by keyboard.
window.dashboard.focusFirst = where => document.querySelector(where)?.querySelector("input:not([type=hidden]), select, textarea, button")?.focus();

// This page from the server, whatever has become of the connection: an empty link would be the front page's, by the pages' base.
document.addEventListener("click", event => {
  if (event.target.closest("[data-reload]")) location.reload();
});

// Above what is always in sight: a dialog's foot, the bar at the top.
window.dashboard.bringIntoSight = element => element.scrollIntoView({ block: "center" });

// A page lives on a connection. Lost, it stays to be read, says so, and is loaded anew once the control plane that is back does not
// know it any more. Blazor gives up after some minutes; this does not.
document.getElementById("components-reconnect-modal").addEventListener("components-reconnect-state-changed", event => {
  const { state } = event.detail;
  if (state === "rejected") location.reload();
  else event.target.textContent = state === "hide" ? "" : "The connection to the control plane is lost. It is tried again by itself.";
  if (state === "failed") setInterval(async () => {
    try {
      if ((await fetch("/healthz", { cache: "no-store" })).ok) location.reload();
    } catch {
      // Not yet.
    }
  }, 5000);
});

// The admin API under the viewer's session: the browser itself says that a page of ours sent it (Fetch Metadata).
window.dashboard.send = async (method, path, body) => {
  try {
    const answer = await fetch(path, {
      method, body, credentials: "same-origin", cache: "no-store",
      headers: body ? { "content-type": "application/json" } : {}
    });
    return { status: answer.status, text: await answer.text() };
  } catch {
    return { status: 0, text: "" };
  }
};

// Dialogs are the browser's own, which traps the focus; Esc does what the close button does, and the focus goes back to
// whatever opened the dialog once its markup is gone.
const openers = [];
window.dashboard.openDialog = dialog => {
  openers.push([dialog, document.activeElement]);
  dialog.addEventListener("cancel", event => {
    event.preventDefault();
    dialog.querySelector("[data-close]").click();
  });
  dialog.showModal();
  const first = dialog.querySelector(".body input:not([type=hidden]), .body select, .body textarea, .body button");
  (first ?? dialog.querySelector("[data-close]")).focus();
};
window.dashboard.dialogIsGone = () => {
  const [dialog, opener] = openers.pop() ?? [];
  const give = left => {
    // The word may come before the markup is gone, and behind an open dialog nothing takes the focus.
    if (dialog?.isConnected && left > 0) requestAnimationFrame(() => give(left - 1));
    else if (opener?.isConnected) opener.focus();
  };
  give(600);
};
