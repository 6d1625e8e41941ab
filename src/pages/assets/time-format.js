/**
 * A point in time for people: `2026-11-30 02:09:07 +01:00`, or `… UTC`. The server, the script and the command
 * line write it alike. `offsetMinutes`: how far the zone is ahead of UTC.
 */
export function formatTime(ms, offsetMinutes = 0) {
  return `${shifted(ms, offsetMinutes).slice(0, 19).replace("T", " ")} ${formatZone(offsetMinutes)}`;
}

/** The time of day to the millisecond; what shows it names the zone once. */
export function formatTimeOfDay(ms, offsetMinutes = 0) {
  return shifted(ms, offsetMinutes).slice(11, 23);
}

export function formatZone(offsetMinutes) {
  if (offsetMinutes === 0) return "UTC";
  const minutes = Math.abs(offsetMinutes);
  return `${offsetMinutes < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function shifted(ms, offsetMinutes) {
  return new Date(ms + offsetMinutes * 60_000).toISOString();
}

function two(number) {
  return String(number).padStart(2, "0");
}
