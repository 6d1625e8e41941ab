/** The list of runs alive: read again every few seconds while it is in view. */
import { replaceSection } from "./sections.js";

const PAUSE_MS = 3_000;

async function read() {
  try {
    const response = await fetch(location.href);
    // To where people sign in.
    if (response.redirected) return location.reload();
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const content = page.getElementById("runs")?.innerHTML;
    if (content === undefined) return;
    // Rows move: the focus stays on its link, not at its place.
    const focused = document.activeElement?.closest("#runs a")?.getAttribute("href");
    replaceSection("runs", content);
    if (focused !== undefined && focused !== null)
      document.querySelector(`#runs a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
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
