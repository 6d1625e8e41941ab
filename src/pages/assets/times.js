/** Times in the reader's own zone, and durations that go on counting. */
import { formatDuration } from "./duration.js";
import { formatTime, formatTimeOfDay, formatZone } from "./time-format.js";

/** The reader's clock may be wrong by more than a task takes. */
let serverAheadMs = 0;

export function setServerTime(nowMs) {
  serverAheadMs = nowMs - Date.now();
}

export function serverNow() {
  return Date.now() + serverAheadMs;
}

export function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    if (time.title !== "") continue;
    time.title = time.dateTime;
    const at = new Date(time.dateTime);
    const format = time.classList.contains("clock") ? formatTimeOfDay : formatTime;
    time.textContent = format(at.getTime(), zoneOffset(at));
  }
  for (const zone of root.querySelectorAll(".zone")) zone.textContent = formatZone(zoneOffset(new Date()));
}

/** How far the reader's zone is ahead of UTC, in minutes: it depends on the date. */
export function zoneOffset(at) {
  return -at.getTimezoneOffset();
}

function count() {
  for (const element of document.querySelectorAll(".duration[data-from]")) {
    element.textContent = formatDuration(serverNow() - Number(element.dataset.from));
  }
}

localise(document);
setInterval(count, 1_000);
