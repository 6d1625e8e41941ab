/** ISO 8601 texts ⇄ google.protobuf.Timestamp and Duration, to the nanosecond. */
import { create } from "@bufbuild/protobuf";
import { DurationSchema, TimestampSchema, type Duration, type Timestamp } from "@bufbuild/protobuf/wkt";
import { ValueError } from "./errors.ts";

const NANOS = 1_000_000_000;

const ISO_DATE = /^(?:[+-]\d{2})?\d{4}-\d\d-\d\d(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/i;

/** `2026-01-02T03:04:05.678Z`, with any offset and up to nine decimals; or a date alone, meant in UTC. */
export function parseTimestamp(text: string): Timestamp {
  const [whole, time, zone] = ISO_DATE.exec(text) ?? [];
  const milliseconds = Date.parse(text);
  if (whole === undefined || Number.isNaN(milliseconds))
    throw new ValueError(`${JSON.stringify(text)} is not an ISO 8601 date and time`);
  // It would be another point in time on each machine.
  if (time !== undefined && zone === undefined)
    throw new ValueError(
      `${JSON.stringify(text)} has no time zone; end it with Z or an offset such as +02:00`,
    );
  // Date keeps milliseconds only; the decimals are read from the text.
  const decimals = /T[^.,]*[.,](\d+)/.exec(text)?.[1] ?? "";
  const seconds = Math.floor(milliseconds / 1000);
  return create(TimestampSchema, {
    seconds: BigInt(seconds),
    nanos: Number(decimals.slice(0, 9).padEnd(9, "0")),
  });
}

export function timestampFromDate(date: Date): Timestamp {
  const milliseconds = date.getTime();
  if (Number.isNaN(milliseconds)) throw new ValueError("the Date is invalid");
  const seconds = Math.floor(milliseconds / 1000);
  return create(TimestampSchema, {
    seconds: BigInt(seconds),
    nanos: (milliseconds - seconds * 1000) * 1_000_000,
  });
}

export function dateFromTimestamp(timestamp: Timestamp): Date {
  return new Date(Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1_000_000));
}

/** In UTC, with as many decimals (none, 3, 6 or 9) as the value needs. */
export function formatTimestamp(timestamp: Timestamp): string {
  const whole = new Date(Number(timestamp.seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}${formatNanos(timestamp.nanos, true)}Z`;
}

export function formatDate(timestamp: Timestamp): string {
  return new Date(Number(timestamp.seconds) * 1000).toISOString().slice(0, 10);
}

function formatNanos(nanos: number, grouped: boolean): string {
  if (nanos === 0) return "";
  const digits = String(nanos).padStart(9, "0");
  if (!grouped) return `.${digits.replace(/0+$/, "")}`;
  return `.${digits.endsWith("000000") ? digits.slice(0, 3) : digits.endsWith("000") ? digits.slice(0, 6) : digits}`;
}

const ISO_DURATION =
  /^([+-])?P(?:(\d+(?:[.,]\d+)?)W)?(?:(\d+(?:[.,]\d+)?)D)?(?:T(?:(\d+(?:[.,]\d+)?)H)?(?:(\d+(?:[.,]\d+)?)M)?(?:(\d+)(?:[.,](\d+))?S)?)?$/;

/** `PT1H30M`, `P1DT12H`, `-PT0.5S`. Years and months are refused: they have no fixed length. */
export function parseDuration(text: string): Duration {
  const match = ISO_DURATION.exec(text);
  if (match === null || text.endsWith("P") || text.endsWith("T")) {
    throw new ValueError(
      `${JSON.stringify(text)} is not an ISO 8601 duration of weeks, days, hours, minutes, seconds`,
    );
  }
  const [, sign, weeks, days, hours, minutes, seconds, decimals] = match;
  const part = (value: string | undefined, length: number): number =>
    value === undefined ? 0 : Math.round(Number(value.replace(",", ".")) * length * 1e6) / 1e6;
  const total = part(weeks, 604_800) + part(days, 86_400) + part(hours, 3600) + part(minutes, 60);
  const whole = Math.trunc(total);
  let nanos = Math.round((total - whole) * NANOS) + Number((decimals ?? "").slice(0, 9).padEnd(9, "0"));
  let wholeSeconds = BigInt(whole) + BigInt(seconds ?? 0);
  wholeSeconds += BigInt(Math.floor(nanos / NANOS));
  nanos %= NANOS;
  const direction = sign === "-" ? -1 : 1;
  return create(DurationSchema, { seconds: wholeSeconds * BigInt(direction), nanos: nanos * direction });
}

/** In hours, minutes and seconds: `PT26H3.5S`; zero is `PT0S`. */
export function formatDuration(duration: Duration): string {
  const negative = duration.seconds < 0n || duration.nanos < 0;
  const seconds = negative ? -duration.seconds : duration.seconds;
  const hours = seconds / 3600n;
  const minutes = (seconds % 3600n) / 60n;
  const rest = `${seconds % 60n}${formatNanos(Math.abs(duration.nanos), false)}`;
  const parts = [
    hours > 0n ? `${hours}H` : "",
    minutes > 0n ? `${minutes}M` : "",
    rest === "0" ? "" : `${rest}S`,
  ];
  const text = parts.join("");
  return `${negative ? "-" : ""}PT${text === "" ? "0S" : text}`;
}
