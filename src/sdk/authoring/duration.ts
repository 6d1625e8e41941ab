/** Durations as authors write them: `"10m"`, `"1h30m"`, `"500ms"`, or a number of milliseconds. */
import { create } from "@bufbuild/protobuf";
import { DurationSchema, type Duration as DurationMessage } from "@bufbuild/protobuf/wkt";

export type Duration = number | string;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** In milliseconds. Throws TypeError for a text that is no duration, and RangeError for a negative number. */
export function durationMs(duration: Duration): number {
  if (typeof duration === "number") {
    if (!Number.isFinite(duration) || duration < 0) throw new RangeError(`${duration} ms is not a duration`);
    return duration;
  }
  const parts = [...duration.replaceAll(" ", "").matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map(([text]) => text).join("") !== duration.replaceAll(" ", "")) {
    throw new TypeError(
      `${JSON.stringify(duration)} is not a duration; write "90s", "10m", "1h30m" or "500ms"`,
    );
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNITS[unit ?? ""] ?? Number.NaN), 0);
}

const NANOS = 1_000_000_000;

/** To the nearest nanosecond. */
export function encodeDuration(duration: Duration): DurationMessage {
  const milliseconds = durationMs(duration);
  const seconds = Math.floor(milliseconds / 1000);
  const nanos = Math.round((milliseconds - seconds * 1000) * 1_000_000);
  // Rounded up, it may be a second of its own.
  return create(DurationSchema, {
    seconds: BigInt(seconds + Math.floor(nanos / NANOS)),
    nanos: nanos % NANOS,
  });
}
