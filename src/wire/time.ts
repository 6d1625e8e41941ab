/** Protobuf times to and from milliseconds. */
import { create } from "@bufbuild/protobuf";
import {
  DurationSchema,
  timestampFromMs,
  timestampMs,
  type Duration,
  type Timestamp,
} from "@bufbuild/protobuf/wkt";

export const encodeTime = (ms: number): Timestamp => timestampFromMs(ms);
export const decodeTime = (time: Timestamp): number => timestampMs(time);

/** Undefined where a client says "no limit": absent or zero. */
export function decodeLimit(duration: Duration | undefined): number | undefined {
  const ms = duration === undefined ? 0 : decodeDuration(duration);
  return ms > 0 ? ms : undefined;
}

/** In whole milliseconds, upwards: a limit never strikes early. */
export function decodeDuration(duration: Duration): number {
  return Number(duration.seconds) * 1_000 + Math.ceil(duration.nanos / 1_000_000);
}

export function encodeDuration(ms: number): Duration {
  const seconds = Math.floor(ms / 1_000);
  return create(DurationSchema, {
    seconds: BigInt(seconds),
    nanos: Math.round((ms - seconds * 1_000) * 1_000_000),
  });
}
