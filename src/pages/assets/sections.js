/** Puts new content into a part of the page, and keeps what the reader did there. */
import { localise } from "./times.js";

/** The content comes escaped from the server; nothing else is ever made into HTML here. */
export function replaceSection(id, content) {
  const section = document.getElementById(id);
  if (section === null || section.lastContent === content) return;
  const isOpen = new Map(
    [...section.querySelectorAll("details[data-key]")].map((one) => [one.dataset.key, one.open]),
  );
  const typed = new Map([...section.querySelectorAll("input[name]")].map((one) => [one.name, one.value]));
  const place = placeOfFocus(section);
  section.lastContent = content;
  section.innerHTML = content;
  section.hidden = content === "";
  for (const one of section.querySelectorAll("details[data-key]"))
    one.open = isOpen.get(one.dataset.key) ?? one.open;
  for (const one of section.querySelectorAll("input[name]")) one.value = typed.get(one.name) ?? one.value;
  localise(section);
  if (place >= 0) focusable(section)[place]?.focus({ preventScroll: true });
}

/** A section changes in its text rather than its shape, so the n-th thing that takes the focus stays the same one. */
function placeOfFocus(section) {
  return section.contains(document.activeElement) ? focusable(section).indexOf(document.activeElement) : -1;
}

function focusable(section) {
  return [...section.querySelectorAll("a[href], button, summary, input, [tabindex]")];
}
