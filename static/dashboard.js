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
    const bar = list.querySelector("[data-when-ticked]");
    if (bar) bar.hidden = !ticked;
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

// Only what a change needs is shown beside it.
for (const change of document.querySelectorAll(".product-bulk [name=change]")) {
  const needed = [...change.form.querySelectorAll("[data-needed-by]")];
  const tell = () => needed.forEach((part) => (part.hidden = !part.dataset.neededBy.split(" ").includes(change.value)));
  change.addEventListener("change", tell);
  tell();
}

// What was typed is not lost without a word.
for (const form of document.querySelectorAll("form[data-guard]")) {
  let isUnsaved = "unsaved" in form.dataset;
  const words = document.querySelector("[data-unsaved-words]");
  document.addEventListener("input", (event) => {
    if (event.target.form !== form) return;
    isUnsaved = true;
    if (words) words.textContent = words.dataset.unsavedWords, words.parentElement.classList.add("is-unsaved");
  });
  form.addEventListener("submit", () => (isUnsaved = false));
  window.addEventListener("beforeunload", (event) => isUnsaved && event.preventDefault());
}

// More rows of a sheet, without asking for the page.
document.addEventListener("click", (event) => {
  const more = event.target.closest("[data-more-rows]");
  const body = more && document.querySelector("tbody[data-rows]"), last = body?.lastElementChild;
  if (!last) return;
  event.preventDefault();
  const count = document.querySelector("#product [name=rows]"), number = Number(count.value), row = last.cloneNode(true);
  for (const extra of row.querySelectorAll("input[type=hidden], .problem, .stock-link")) extra.remove();
  for (const box of row.querySelectorAll("input")) {
    box.name = box.name.replace(/^r\d+-/, `r${number}-`);
    box.removeAttribute("aria-invalid");
    box.removeAttribute("aria-describedby");
    box.setAttribute("aria-label", `${box.closest("td").dataset.label}, ${number + 1}`);
    if (box.type === "checkbox") box.checked = true;
    else box.value = "";
  }
  for (const cell of row.querySelectorAll(".has-error")) cell.classList.remove("has-error");
  row.classList.remove("is-off");
  body.append(row);
  count.value = number + 1;
  row.querySelector("input")?.focus();
});

// Pictures: forms of their part of the page change it in place, so that nothing typed elsewhere is lost.
const showImages = (next) => {
  const fresh = next.getElementById("images");
  if (!fresh) return location.reload();
  document.getElementById("images").replaceWith(fresh);
  prepareImages();
};
const sendImages = async (body) => showImages(parsed(await (await fetch(location.pathname, { method: "POST", body })).text()));
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.matches("[data-drop]") || !form.closest("[data-images]")) return;
  event.preventDefault();
  const action = event.submitter?.value, image = form.querySelector("[name=image]")?.value;
  await sendImages(new FormData(form, event.submitter));
  document.querySelector(`[data-image="${image}"] [value="${action}"]:enabled, [data-image="${image}"] summary`)?.focus();
});

function upload(form, file, list) {
  const item = document.createElement("li"), name = document.createElement("bdi"), bar = document.createElement("progress");
  name.textContent = file.name;
  bar.max = 1, bar.value = 0, bar.setAttribute("aria-label", file.name);
  item.append(name, bar);
  list.append(item);
  const body = new FormData();
  body.append("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
  body.append("action", "images-add");
  body.append("files", file);
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const end = (words, isBad) => {
      const said = document.createElement("span");
      said.textContent = words, said.className = isBad ? "problem" : "up";
      bar.replaceWith(said);
      resolve(isBad ? item : null);
    };
    request.upload.addEventListener("progress", (event) => event.lengthComputable && (bar.value = event.loaded / event.total));
    request.addEventListener("error", () => end(list.dataset.lost, true));
    request.addEventListener("load", () => {
      let problem = list.dataset.lost;
      try { problem = JSON.parse(request.responseText).problems.map((one) => one.reason).join(" "); } catch { /* not ours */ }
      end(problem || list.dataset.done, Boolean(problem));
    });
    request.open("POST", location.pathname);
    request.setRequestHeader("Accept", "application/json");
    request.send(body);
  });
}

async function uploadAll(form, files) {
  const list = form.querySelector("[data-uploads]"), refused = [];
  list.replaceChildren();
  for (const file of files) {
    const item = await upload(form, file, list); // one at a time: they stay in their order
    if (item) refused.push(item);
  }
  showImages(await page(location.pathname));
  document.querySelector("[data-uploads]").append(...refused);
}

function prepareImages() {
  const form = document.querySelector("[data-drop]");
  if (form) {
    const hint = form.querySelector("[data-drop-hint]"), input = form.querySelector("[type=file]");
    form.classList.add("has-script");
    hint.textContent = hint.dataset.dropHint;
    form.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      form.classList.add("is-over");
    });
    form.addEventListener("dragleave", () => form.classList.remove("is-over"));
    form.addEventListener("drop", (event) => {
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      form.classList.remove("is-over");
      uploadAll(form, [...event.dataTransfer.files]);
    });
    input.addEventListener("change", () => input.files.length && uploadAll(form, [...input.files]));
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  const order = form && document.querySelector("[data-arrange]");
  let dragged = null;
  for (const picture of order?.children ?? []) {
    picture.draggable = true;
    picture.addEventListener("dragstart", (event) => {
      dragged = picture;
      event.dataTransfer.effectAllowed = "move";
      picture.classList.add("is-dragged");
    });
    picture.addEventListener("dragover", (event) => {
      if (!dragged || dragged === picture) return;
      event.preventDefault();
      const all = [...order.children];
      if (all.indexOf(dragged) < all.indexOf(picture)) picture.after(dragged);
      else picture.before(dragged);
    });
    picture.addEventListener("drop", (event) => dragged && event.preventDefault());
    picture.addEventListener("dragend", () => {
      picture.classList.remove("is-dragged");
      dragged = null;
      const body = new FormData();
      body.append("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
      body.append("action", "images-arrange");
      for (const one of order.children) body.append("image", one.dataset.image);
      sendImages(body);
    });
  }
}
prepareImages();

// A text with simple formatting. The field below stays what is sent; it is written to only when something is changed.
const KEPT_TAGS = new Set("P BR STRONG B EM I U UL OL LI H2 H3 H4 BLOCKQUOTE A TABLE THEAD TBODY TR TH TD SPAN".split(" "));
const LEFT_OUT = new Set(["SCRIPT", "STYLE", "TEMPLATE", "TITLE", "NOSCRIPT"]);
const keptOnly = (from, to) => {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) to.append(node.data);
    if (node.nodeType !== Node.ELEMENT_NODE || LEFT_OUT.has(node.tagName)) continue;
    const copy = KEPT_TAGS.has(node.tagName) ? document.createElement(node.tagName) : null;
    if (copy && node.tagName === "A" && /^(https?:|mailto:)/i.test(node.getAttribute("href") ?? "")) copy.setAttribute("href", node.getAttribute("href"));
    if (copy) to.append(copy);
    keptOnly(node, copy ?? to);
  }
  return to;
};
for (const field of document.querySelectorAll("textarea[data-rich]:not(:disabled)")) {
  const words = field.dataset, label = document.querySelector(`label[for="${field.id}"]`);
  const text = document.createElement("div"), tools = document.createElement("div");
  const fill = (html) => text.replaceChildren(...keptOnly(parsed(html).body, document.createElement("div")).childNodes);
  const keep = () => {
    field.value = text.textContent.trim() || text.querySelector("table") ? text.innerHTML : "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  text.className = "rich";
  Object.assign(text, { contentEditable: "true", dir: "auto", tabIndex: 0 });
  label.id = `${field.id}-label`;
  for (const [name, value] of Object.entries({ role: "textbox", "aria-multiline": "true", "aria-labelledby": label.id })) text.setAttribute(name, value);
  tools.className = "rich-tools";
  for (const [what, shown, value] of [["bold", "B"], ["italic", "I"], ["formatBlock", "H", "h3"], ["insertUnorderedList", "•"], ["insertOrderedList", "1."], ["createLink", words.createlink], ["removeFormat", "⌫"]]) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: shown, title: words[what.toLowerCase()] });
    button.dataset.do = what;
    button.setAttribute("aria-label", words[what.toLowerCase()]);
    button.addEventListener("click", () => {
      text.focus();
      const given = what === "createLink" ? prompt(words.createlink, "https://") : value;
      if (what === "createLink" && !given) return;
      if (what === "removeFormat") document.execCommand("formatBlock", false, "p"), document.execCommand("unlink");
      document.execCommand(what, false, given);
      keep();
    });
    tools.append(button);
  }
  document.execCommand("defaultParagraphSeparator", false, "p");
  fill(field.value);
  text.addEventListener("input", keep);
  text.addEventListener("paste", (event) => {
    event.preventDefault();
    const html = event.clipboardData.getData("text/html"), holder = document.createElement("div");
    if (html) document.execCommand("insertHTML", false, keptOnly(parsed(html).body, holder).innerHTML);
    else document.execCommand("insertText", false, event.clipboardData.getData("text/plain"));
    keep();
  });
  label.addEventListener("click", (event) => (event.preventDefault(), text.focus()));
  field.hidden = true;
  field.before(tools, text);
}

// What a cart would cost, while the promotion is typed; products are put in and taken out without a reload.
const trial = document.querySelector("form[data-trial]");
if (trial) {
  let waiting, asked = 0;
  const ask = async (part, submitter) => {
    const sent = new FormData(trial, submitter), number = ++asked;
    sent.set("action", "preview");
    const old = document.getElementById(part);
    old.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(location.href, { method: "POST", body: sent, headers: { Accept: "text/html" } });
      const next = parsed(await answer.text()).getElementById(part);
      if (number !== asked || !next) return;
      const held = document.activeElement?.id;
      old.replaceWith(next);
      document.getElementById(held)?.focus({ preventScroll: true });
      if (document.activeElement === document.body) document.getElementById("find")?.focus({ preventScroll: true });
    } catch {
      // What is shown stays; the button asks for the whole page.
    } finally {
      old.removeAttribute("aria-busy");
    }
  };
  trial.addEventListener("input", (event) => {
    clearTimeout(waiting);
    if (event.target.id !== "find") waiting = setTimeout(() => ask("trial-result"), 350);
  });
  trial.addEventListener("change", (event) => {
    if (event.target.name === "starts_at") clearTimeout(waiting), ask("trial");
  });
  trial.addEventListener("submit", (event) => {
    const by = event.submitter;
    if (!by || by.value === "save") return;
    event.preventDefault();
    clearTimeout(waiting);
    ask("trial", by);
  });
}

// What is to be typed elsewhere can be copied.
for (const text of document.querySelectorAll("code[data-copy]")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "link small", textContent: text.dataset.copy });
  button.setAttribute("aria-label", `${text.dataset.copy}: ${text.textContent}`);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = `${text.dataset.copy} \u2713`;
    setTimeout(() => (button.textContent = text.dataset.copy), 2000);
  });
  text.after(button);
}
