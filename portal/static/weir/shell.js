// What every page of the operators' face needs: menus that close, dialogs that open, forms that are sent once.

const opened = new WeakMap();

for (const menu of document.querySelectorAll("details[data-menu]")) {
  document.addEventListener("click", (event) => {
    if (menu.open && !menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener && opener.getAttribute("aria-disabled") !== "true") {
    const dialog = document.getElementById(opener.dataset.dialog);
    opened.set(dialog, opener);
    dialog.showModal();
  }
  const closer = event.target.closest("[data-close]");
  if (closer) closer.closest("dialog").close();
});

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("close", () => opened.get(dialog)?.focus());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

// A disabled button keeps its place and its focus, so that its reason can be read; it only does nothing.
document.addEventListener(
  "click",
  (event) => {
    if (event.target.closest('[aria-disabled="true"]')) event.preventDefault();
  },
  true,
);

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const label = button.querySelector("[data-label]");
    const before = label.textContent;
    try {
      await navigator.clipboard.writeText(source.textContent);
      label.textContent = button.dataset.done;
    } catch {
      const range = document.createRange(); // without clipboard rights the text is at least selected
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    }
    setTimeout(() => (label.textContent = before), 2000);
  });
}

// What may take its time is loaded after the page: our own fragments, escaped by the server.
for (const place of document.querySelectorAll("[data-load]")) {
  fetch(place.dataset.load)
    .then((response) => (response.ok ? response.text() : Promise.reject(response)))
    .then((html) => (place.innerHTML = html))
    .catch(() => (place.firstElementChild.textContent = place.dataset.failed));
}

for (const select of document.querySelectorAll("select[data-send]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
