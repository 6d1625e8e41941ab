/** Puts new content into a part of the page, and keeps what the reader did there. */
import { localise } from "./times.js";

/** The content comes escaped from the server; nothing else is ever made into HTML here. */
export function replaceSection(id, content) {
  const section = document.getElementById(id);
  if (section === null || section.lastContent === content) return;
  const isOpen = new Map(
    [...section.querySelectorAll("details[data-key]")].map((one) => [one.dataset.key, one.open]),
  );
  const typed = new Map(fields(section).map((one) => [identityOf(one), one.value]));
  const place = placeOfFocus(section);
  section.lastContent = content;
  section.innerHTML = content;
  section.hidden = content === "";
  for (const one of section.querySelectorAll("details[data-key]"))
    one.open = isOpen.get(one.dataset.key) ?? one.open;
  for (const one of fields(section)) one.value = typed.get(identityOf(one)) ?? one.value;
  localise(section);
  if (place >= 0) focusable(section)[place]?.focus({ preventScroll: true });
}

function fields(section) {
  return [...section.querySelectorAll("form input[name]")];
}

/** What is typed is for one form: that of the next condition has fields of the same names. */
function identityOf(field) {
  return `${field.form.action} ${field.name}`;
}

/** A section changes in its text rather than its shape, so the n-th thing that takes the focus stays the same one. */
function placeOfFocus(section) {
  return section.contains(document.activeElement) ? focusable(section).indexOf(document.activeElement) : -1;
}

function focusable(section) {
  return [...section.querySelectorAll("a[href], button, summary, input, [tabindex]")];
}
