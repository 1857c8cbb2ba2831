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

// While somebody types: what they may be looking for. Arrow keys go through it, Escape closes it.
for (const search of document.querySelectorAll("form[data-suggest]")) {
  const input = search.querySelector("input[type=search]");
  const box = search.querySelector(".suggestions");
  let waiting, asked = 0;
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": box.id, "aria-expanded": "false" })) input.setAttribute(name, value);
  const options = () => [...box.querySelectorAll("[role=option]")];
  const choose = (option) => {
    for (const each of options()) each.setAttribute("aria-selected", String(each === option));
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };
  const close = () => {
    box.hidden = true;
    input.setAttribute("aria-expanded", "false");
    choose(null);
  };
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    const q = input.value.trim(), mine = ++asked;
    if (q.length < 2) return close();
    waiting = setTimeout(async () => {
      try {
        const found = await fetch(`${search.dataset.suggest}?${new URLSearchParams({ q })}`);
        if (!found.ok || mine !== asked) return;
        box.replaceChildren(...parsed(await found.text()).body.childNodes);
        box.hidden = false;
        input.setAttribute("aria-expanded", String(options().length > 0));
      } catch {
        close();
      }
    }, 140);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !box.hidden) return event.preventDefault(), close();
    const all = options(), at = all.findIndex((each) => each.getAttribute("aria-selected") === "true");
    if (box.hidden || !all.length) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(all[(at + (event.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1) + all.length) % all.length]);
    } else if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      location.href = all[at].href;
    }
  });
  search.addEventListener("focusout", (event) => search.contains(event.relatedTarget) || setTimeout(close, 120));
}

// Another country has other fields: ask for them, with what was typed so far.
document.addEventListener("change", async (event) => {
  if (!event.target.matches("[data-refresh]")) return;
  const form = event.target.form, id = event.target.id;
  const body = new FormData(form);
  body.set(event.target.dataset.refresh, "1");
  form.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.action, { method: "POST", body });
    const next = parsed(await response.text()).querySelector("main");
    document.querySelector("main").replaceChildren(...next.childNodes);
    document.getElementById(id)?.focus({ preventScroll: true });
  } catch {
    form.removeAttribute("aria-busy");
  }
});

// An order that waits for its payment looks again by itself, without a reload.
async function followOrder() {
  const order = document.querySelector("[data-look-again]");
  if (!order) return;
  await new Promise((resolve) => setTimeout(resolve, 1000 * Number(order.dataset.seconds)));
  try {
    const next = (await page(order.dataset.lookAgain)).querySelector("#order");
    document.querySelector("#order").replaceWith(next);
    if (!next.dataset.lookAgain) history.replaceState(null, "", location.pathname);
  } catch {
    // The next look may find the way.
  }
  followOrder();
}
followOrder();

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

// Back by the back button, the page is as it was left. Prices and stock are asked for anew.
addEventListener("pageshow", async (event) => {
  if (!event.persisted) return;
  const live = document.querySelectorAll("#product, #grid > li[id]");
  if (!live.length) return;
  try {
    const next = await page(location.href);
    for (const each of live) {
      const now = next.getElementById(each.id);
      if (now && now.textContent !== each.textContent) each.replaceWith(now);
    }
    const count = next.querySelector(".cart-link");
    if (count) document.querySelector(".cart-link").replaceWith(count);
  } catch {
    location.reload();
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
