/** A list alive, that of runs where the page names no other section: read again every few seconds while it is in view. */
import { replaceSection } from "./sections.js";

const PAUSE_MS = 3_000;
const SECTION = document.body.dataset["section"] ?? "runs";

async function read() {
  try {
    const response = await fetch(location.href);
    // To where people sign in.
    if (response.redirected) return location.reload();
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const content = page.getElementById(SECTION)?.innerHTML;
    if (content === undefined) return;
    // Rows move: the focus stays on its link, not at its place.
    const focused = document.activeElement?.closest(`#${SECTION} a`)?.getAttribute("href");
    replaceSection(SECTION, content);
    if (focused !== undefined && focused !== null)
      document.querySelector(`#${SECTION} a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  } catch {
    // The server is out of reach: it is asked again.
  }
}

async function readAgain() {
  if (!document.hidden) await read();
  setTimeout(readAgain, PAUSE_MS);
}

document.addEventListener("visibilitychange", () => document.hidden || read());
setTimeout(readAgain, PAUSE_MS);
