// The seller's pages work without any of this. It shows what a change would look like before it is saved.
"use strict";

const brandForm = document.querySelector("form[data-preview]");
if (brandForm) {
  const frame = document.getElementById("preview");
  const contrast = document.getElementById("contrast");
  let waiting;
  const shown = () => {
    const asked = new URLSearchParams();
    for (const [name, value] of new FormData(brandForm)) {
      if (typeof value === "string" && name !== "csrfmiddlewaretoken") asked.append(name, value);
    }
    return asked;
  };
  brandForm.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const asked = shown();
      frame.contentWindow.location.replace(`${brandForm.dataset.preview}?${asked}`);
      const colours = new URLSearchParams({ primary: asked.get("primary"), accent: asked.get("accent") });
      const answer = await fetch(`${brandForm.dataset.contrast}?${colours}`);
      if (answer.ok) contrast.innerHTML = await answer.text();
    }, 350);
  });
}

// Work that goes on: its part of the page is asked for again until it is over; then the whole page, which says what came of it.
async function follow() {
  const live = document.querySelector("[data-live]");
  if (!live) return;
  await new Promise((resolve) => setTimeout(resolve, 1000));
  try {
    const next = (await page(live.dataset.live)).getElementById(live.id);
    if (!next?.dataset.live) return location.reload();
    if (next.innerHTML !== live.innerHTML) live.replaceWith(next);
  } catch {
    // The next look may find the way.
  }
  follow();
}
follow();

// A box that ticks all others of its list, and what can be done with those that are ticked.
for (const list of document.querySelectorAll("form[data-bulk]")) {
  const all = list.querySelector("[data-all]"), count = list.querySelector("[data-count]");
  const boxes = () => [...list.querySelectorAll("tbody input[type=checkbox][name]")];
  const tell = () => {
    const ticked = boxes().filter((box) => box.checked).length;
    if (all) all.checked = ticked > 0 && ticked === boxes().length, (all.indeterminate = ticked > 0 && !all.checked);
    if (count) count.textContent = count.dataset.count.replace("%", ticked);
  };
  all?.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    tell();
  });
  list.addEventListener("change", tell);
  tell();
}

// What cannot be undone is asked about once more.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

// "/" goes to the search, as everywhere.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("input, textarea, select, [contenteditable]")) return;
  const search = document.getElementById("dash-q");
  if (search) event.preventDefault(), search.focus();
});

// What takes a moment comes after its page; without this it is a link.
for (const place of document.querySelectorAll("[data-inline]")) {
  page(place.dataset.inline)
    .then((found) => found.getElementById(place.dataset.part))
    .then((part) => part && place.replaceChildren(part))
    .catch(() => {});
}
