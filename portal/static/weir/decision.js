// The decision page: tabs of the difference, the request tester, and the watch over the fingerprint that was shown.

const POLL_MS = 5000;

for (const card of document.querySelectorAll("[data-tabs]")) {
  const tabs = [...card.querySelectorAll('[role="tab"]')];
  const select = (chosen) => {
    for (const tab of tabs) {
      const on = tab === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !on;
    }
  };
  tabs.forEach((tab, place) => {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const moves = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 };
      if (!(event.key in moves)) return;
      event.preventDefault();
      const next = tabs[(moves[event.key] + tabs.length) % tabs.length];
      select(next);
      next.focus();
    });
  });

  const ways = [...card.querySelectorAll("[data-diff]")];
  for (const way of ways) {
    way.addEventListener("click", () => {
      for (const other of ways) other.setAttribute("aria-pressed", String(other === way));
      for (const view of card.querySelectorAll(".diff")) view.hidden = !view.classList.contains(way.dataset.diff);
    });
  }
}

for (const form of document.querySelectorAll("[data-try]")) {
  const answer = form.parentElement.querySelector("[data-answer]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const response = await fetch(`${form.action}?${new URLSearchParams(new FormData(form))}`, { headers: { Accept: "text/html" } });
    answer.innerHTML = response.ok ? await response.text() : ""; // our own fragment, escaped by the server
  });
}

const comment = document.querySelector('.decide [name="reason"]');
document.querySelector("[data-needs-reason]")?.addEventListener("click", (event) => {
  if (!comment || comment.value.trim()) return;
  event.preventDefault();
  comment.setAttribute("aria-invalid", "true");
  comment.focus();
});
comment?.addEventListener("input", () => comment.removeAttribute("aria-invalid"));

const bar = document.querySelector("[data-watch]");
const lock = (now) => {
  const note = bar.querySelector("[data-locked]");
  const content = now.fingerprint !== bar.dataset.fingerprint;
  bar.querySelector("[data-locked-fingerprint]").hidden = !content;
  bar.querySelector("[data-now]").textContent = now.shown;
  bar.querySelector("[data-locked-state]").hidden = content;
  note.hidden = false;
  document.querySelector("[data-unchanged]")?.remove();
  for (const dialog of document.querySelectorAll("dialog[open]:not([data-always])")) dialog.close();
  for (const button of bar.querySelectorAll("[data-event]:not([data-always])")) button.setAttribute("aria-disabled", "true"); // rolling back is never locked
};
const look = async () => {
  try {
    const response = await fetch(bar.dataset.watch, { headers: { Accept: "application/json" } });
    if (response.ok) {
      const now = await response.json();
      if (now.fingerprint !== bar.dataset.fingerprint || now.state !== bar.dataset.state) return lock(now);
    }
  } catch {
    // The server may be away for a moment; what is posted carries the fingerprint and is checked there.
  }
  setTimeout(look, POLL_MS);
};
if (bar) setTimeout(look, POLL_MS);

const rehearsal = document.querySelector("[data-rehearsal]");
const follow = async () => {
  try {
    const response = await fetch(rehearsal.dataset.rehearsal, { headers: { Accept: "application/json" } });
    if (response.ok) {
      const now = await response.json();
      if (now.state === "done" || now.state === "failed") return location.reload();
      rehearsal.querySelector("progress").value = now.progress;
      rehearsal.querySelector("[data-sentence]").textContent = now.sentence;
    }
  } catch {
    // The server may be away for a moment: the next look tells.
  }
  setTimeout(follow, 1000);
};
if (rehearsal) setTimeout(follow, 1000);
