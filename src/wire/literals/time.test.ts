import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration, formatTimestamp, parseDuration, parseTimestamp } from "./time.ts";

test("timestamps keep nanoseconds, and offsets become UTC", () => {
  const cases = [
    ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"],
    ["2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456789Z"],
    ["2026-01-02T03:04:05.1+02:00", "2026-01-02T01:04:05.100Z"],
    ["1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"],
    ["2026-01-02", "2026-01-02T00:00:00Z"],
  ];
  for (const [text = "", expected] of cases) assert.equal(formatTimestamp(parseTimestamp(text)), expected);
  for (const text of ["yesterday", "Jan 2 2026", "2026-13-01", "2026-01-02T25:00Z", "2026"])
    assert.throws(() => parseTimestamp(text), /not an ISO 8601 date/);
  assert.throws(() => parseTimestamp("2026-01-02T03:04:05"), /has no time zone; end it with Z/);
});

test("durations of fixed length", () => {
  const cases = [
    ["PT0S", "PT0S"],
    ["P1DT2H", "PT26H"],
    ["P2W", "PT336H"],
    ["PT90M", "PT1H30M"],
    ["PT1.5H", "PT1H30M"],
    ["PT0.000000001S", "PT0.000000001S"],
    ["-PT1M0.5S", "-PT1M0.5S"],
  ];
  for (const [text = "", expected] of cases) assert.equal(formatDuration(parseDuration(text)), expected);
  for (const text of ["P1Y", "P1M", "PT", "P", "1h", ""])
    assert.throws(() => parseDuration(text), /not an ISO 8601 duration/);
});
