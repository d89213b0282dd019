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
