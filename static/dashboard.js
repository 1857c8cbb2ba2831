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
