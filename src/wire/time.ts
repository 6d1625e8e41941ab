/** Protobuf times to and from milliseconds. */
import { timestampFromMs, timestampMs, type Duration, type Timestamp } from "@bufbuild/protobuf/wkt";
import { BoxkiteError } from "../domain/errors.ts";

export const encodeTime = (ms: number): Timestamp => timestampFromMs(ms);
export const decodeTime = (time: Timestamp): number => timestampMs(time);

/** From 0001 to 9999, and 10,000 years: what google/protobuf/timestamp.proto and duration.proto allow. */
const FIRST_MS = Date.parse("0001-01-01T00:00:00Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");
const LONGEST_MS = 315_576_000_000_000;

/** Milliseconds since the epoch. Throws INVALID_ARGUMENT for what is no time of the protocol. */
export function decodeMoment(time: Timestamp, what: string): number {
  const ms = decodeTime(time);
  if (ms >= FIRST_MS && ms <= LAST_MS) return ms;
  throw new BoxkiteError("INVALID_ARGUMENT", `${what} is not between the years 1 and 9999`, {
    hint: "send a time of these years, or none",
  });
}

/** Undefined where a client says "no limit": absent or zero. Throws INVALID_ARGUMENT as `decodeDelay` does. */
export function decodeLimit(duration: Duration | undefined, what: string): number | undefined {
  return duration === undefined ? undefined : decodeDelay(duration, what) || undefined;
}

/** Milliseconds, 0 or more. Throws INVALID_ARGUMENT for a negative duration, or one of more than 10,000 years. */
export function decodeDelay(duration: Duration, what: string): number {
  const ms = decodeDuration(duration);
  if (ms >= 0 && ms <= LONGEST_MS && duration.nanos >= 0) return ms;
  throw new BoxkiteError("INVALID_ARGUMENT", `${what} is ${Number(duration.seconds)} s`, {
    hint: "a time limit or delay is at least 0, and at most 10,000 years; leave it out for none",
  });
}

/** In whole milliseconds, rounded up: a limit never expires early. */
export function decodeDuration(duration: Duration): number {
  return Number(duration.seconds) * 1_000 + Math.ceil(duration.nanos / 1_000_000);
}
