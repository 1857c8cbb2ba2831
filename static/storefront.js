// The pages work without any of this. It saves a reload here and there.
"use strict";

const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

async function page(url) {
  const response = await fetch(url, { headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(String(response.status));
  return parsed(await response.text());
}

// Another variant: swap the product in place, keep the focus and the address.
document.addEventListener("click", async (event) => {
  const choice = event.target.closest("a[data-choice]");
  if (!choice || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  try {
    const next = (await page(choice.href)).querySelector("#product");
    document.querySelector("#product").replaceWith(next);
    history.replaceState(null, "", choice.href);
    next.querySelector(`[data-choice="${choice.dataset.choice}"]`)?.focus({ preventScroll: true });
  } catch {
    location.href = choice.href;
  }
});

// More products: add them to the grid.
document.addEventListener("click", async (event) => {
  const more = event.target.closest("a[data-more]");
  if (!more || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  more.setAttribute("aria-disabled", "true");
  try {
    const next = await page(more.href);
    const cards = [...next.querySelectorAll("#grid > li")];
    document.querySelector("#grid").append(...cards);
    cards[0]?.querySelector("a")?.focus({ preventScroll: true });
    const further = next.querySelector("#more");
    if (further) document.querySelector("#more").replaceWith(further);
    else document.querySelector("#more").remove();
  } catch {
    location.href = more.href;
  }
});

// A picture in the strip, without moving the page.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-picture]");
  const picture = link && document.querySelector(link.hash);
  if (!picture) return;
  event.preventDefault();
  picture.parentElement.scrollTo({ left: picture.offsetLeft - picture.parentElement.offsetLeft, behavior: "smooth" });
});

// Forms that send themselves when something in them changes.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-autosubmit]");
  if (form?.reportValidity()) form.requestSubmit();
});

// Once is enough. (Sent twice, an order is still one order; this only spares the second wait.)
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-once]")) return;
  for (const button of event.target.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
  }
});

// The proof of a mailbox: from behind the #, which no server sees, into the form.
const proofForm = document.querySelector("form[data-proof]");
if (proofForm && location.hash.length > 20) {
  proofForm.elements.proof.value = location.hash.slice(1);
  proofForm.querySelector("[data-proof-field]").hidden = true;
  history.replaceState(null, "", location.pathname);
}

// A proposal for a storefront's address, until its owner types one.
const named = document.querySelector("[data-slug-from]");
if (named) {
  const slug = document.getElementById(named.dataset.slugFrom);
  let typed = slug.value !== "";
  slug.addEventListener("input", () => (typed = true));
  named.addEventListener("input", () => {
    if (typed) return;
    slug.value = named.value.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
  });
}
