// What pages gain where scripts run. Each of them works without.
"use strict";

// Copying: what the button names, to the clipboard, said aloud to those who don't see it.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  if (!source) return;
  const label = button.querySelector("span");
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    label.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    label.textContent = "Press Ctrl+C";
  }
  setTimeout(() => { label.textContent = button.dataset.label; }, 2500);
});
for (const button of document.querySelectorAll("[data-copy]")) {
  button.dataset.label = button.querySelector("span").textContent;
  button.hidden = false;
}

// What asks "are you sure?" on a page of its own asks in a dialog instead.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  try {
    const answer = await fetch(link.href, { credentials: "same-origin", redirect: "error" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const asked = page.querySelector(".confirm");
    if (!answer.ok || !asked) throw new Error("no question");
    const dialog = document.createElement("dialog");
    dialog.append(document.importNode(asked, true));
    const heading = dialog.querySelector("h1, h2");
    heading.id = "dialog-heading";
    dialog.setAttribute("aria-labelledby", heading.id);
    document.body.append(dialog);
    dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
    for (const cancel of dialog.querySelectorAll("[data-cancel]")) {
      cancel.addEventListener("click", (press) => { press.preventDefault(); dialog.close(); });
    }
    dialog.showModal();
  } catch {
    location.assign(link.href);
  }
});

// A form that was sent is not sent twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  setTimeout(() => { delete form.dataset.sent; }, 4000);
});

// What was just done is said once: a reload does not say it again.
if (document.querySelector(".flash")) {
  const url = new URL(location.href);
  url.searchParams.delete("done");
  history.replaceState(null, "", url);
}

// Times also in the reader's own zone.
const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const instant = new Date(time.dateTime);
    if (!isNaN(instant)) time.title = `${zone.format(instant)} · ${time.dateTime}`;
  }
}
localTimes(document);

// Menus close when something else is touched, or on Escape.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.switch[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.switch[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
  if (location.hash === "#nav") location.hash = "";
});

// Following: a part of the page that is fetched again and again, while somebody looks.
const live = document.querySelector("[data-follow]");
if (live) {
  const row = (node) => node?.closest("[data-record]")?.dataset.record;
  const record = (number) => live.querySelector(`[data-record="${number}"]`);
  // What is new comes in; rows that were opened stay open, and the focus stays where it was.
  const renew = (fresh) => {
    const open = [...live.querySelectorAll("[data-record] details[open]")].map(row);
    const focus = live.contains(document.activeElement) ? document.activeElement : null;
    const [at, href] = [row(focus), focus?.getAttribute("href")];
    live.replaceChildren(...fresh.childNodes);
    live.dataset.follow = fresh.dataset.follow;
    for (const number of open) record(number)?.querySelector("details")?.setAttribute("open", "");
    if (at) record(at)?.querySelector("summary")?.focus({ preventScroll: true });
    else if (href) live.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
    localTimes(live);
  };
  const look = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector("[data-follow]");
        if (answer.ok && fresh && fresh.dataset.follow !== live.dataset.follow) renew(document.importNode(fresh, true));
      } catch { /* the next look may succeed */ }
    }
    setTimeout(look, 3000);
  };
  setTimeout(look, 3000);
}

// The editor: what the gate says, a moment after the last key.
const editor = document.querySelector("form[data-check]");
if (editor) {
  const place = document.getElementById("findings");
  let waiting, asked = 0;
  const check = async () => {
    const turn = ++asked;
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(editor.dataset.check, { method: "POST", body: new URLSearchParams(new FormData(editor)), credentials: "same-origin", redirect: "error" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = page.getElementById("findings");
      if (found && turn === asked) place.replaceChildren(...document.importNode(found, true).childNodes);
    } catch { /* it is checked when it is sent */ }
    place.removeAttribute("aria-busy");
  };
  editor.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(check, 700); });
}
