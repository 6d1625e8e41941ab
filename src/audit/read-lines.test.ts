import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { systemClock } from "../lib/clock.ts";
import { LOCAL } from "../domain/principal.ts";
import { appendFileSync } from "node:fs";
import { fileOfDay } from "./day-file.ts";
import { lineOf } from "./entry.ts";
import { readAuditLines, type ReadOptions } from "./read-lines.ts";
import { expireAudit } from "./retention.ts";

const line = (time: string): string =>
  lineOf({ ...LOCAL, at: Date.parse(time), kind: "change", call: time, on: [], result: "ok" });

async function withDays(t: TestContext, days: Readonly<Record<string, readonly string[]>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-audit-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  for (const [day, times] of Object.entries(days))
    await writeFile(fileOfDay(directory, day), times.map(line).join(""));
  return directory;
}

async function timesOf(directory: string, options: Partial<ReadOptions> = {}): Promise<string[]> {
  const lines = readAuditLines(directory, { onDamaged: () => assert.fail(), ...options });
  return (await Array.fromAsync(lines)).map((each) => each.line.call);
}

const DAYS = {
  "2026-03-02": ["2026-03-01T23:59:59.999Z", "2026-03-02T00:00:00.000Z", "2026-03-02T12:00:00.000Z"],
  "2026-03-01": ["2026-03-01T10:00:00.000Z"],
  "2026-03-05": ["2026-03-05T10:00:00.000Z"],
};
const ALL = [...DAYS["2026-03-01"], ...DAYS["2026-03-02"], ...DAYS["2026-03-05"]];

test("days are read in their order, and lines by their own time", async (t) => {
  const directory = await withDays(t, DAYS);
  await writeFile(join(directory, "notes.jsonl"), "not ours");
  assert.deepEqual(await timesOf(directory), ALL);
  const since = Date.parse("2026-03-01T23:00:00Z");
  assert.deepEqual(await timesOf(directory, { since }), ALL.slice(1));
  assert.deepEqual(
    await timesOf(directory, { since, until: Date.parse("2026-03-02T12:00:00Z") }),
    ALL.slice(1, 3),
  );
  assert.deepEqual(await timesOf(join(directory, "missing")), []);
});

test("following goes on with what is added, in this day and the next", async (t) => {
  const directory = await withDays(t, { "2026-03-01": ["2026-03-01T10:00:00.000Z"] });
  const clock = { ...systemClock, now: () => Date.parse("2026-03-02T00:00:01Z"), sleep: async () => added() };
  const ended = new AbortController();
  const additions = [
    () => {
      const whole = line("2026-03-01T23:00:00.000Z");
      appendFileSync(fileOfDay(directory, "2026-03-01"), whole.slice(0, 30));
      additions.unshift(() => appendFileSync(fileOfDay(directory, "2026-03-01"), whole.slice(30)));
    },
    () => appendFileSync(fileOfDay(directory, "2026-03-02"), line("2026-03-02T00:00:00.500Z")),
  ];
  const added = () => {
    const next = additions.shift();
    if (next === undefined) ended.abort();
    else next();
  };
  assert.deepEqual(await timesOf(directory, { follow: { clock, signal: ended.signal } }), [
    "2026-03-01T10:00:00.000Z",
    "2026-03-01T23:00:00.000Z",
    "2026-03-02T00:00:00.500Z",
  ]);
});

test("following ends once no line can come that is wanted", async (t) => {
  const directory = await withDays(t, { "2026-03-01": ["2026-03-01T10:00:00.000Z"] });
  const late = "2026-03-01T23:59:59.999Z";
  const until = Date.parse("2026-03-02T00:00:00Z");
  const endless = new AbortController();
  const { signal } = endless;
  let now = until - 1_000;
  let sleeps = 0;
  const clock = {
    ...systemClock,
    now: () => now,
    sleep: async () => {
      if (++sleeps === 100) endless.abort();
      now += 1_000;
      if (now === until + 1_000) appendFileSync(fileOfDay(directory, "2026-03-02"), line(late));
    },
  };
  const followed = () => timesOf(directory, { until, follow: { clock, signal } });
  assert.deepEqual(await followed(), ["2026-03-01T10:00:00.000Z", late]);
  now += 86_400_000;
  sleeps = 0;
  assert.deepEqual(await followed(), ["2026-03-01T10:00:00.000Z", late]);
  // Also where there is no day that is wanted.
  const since = until - 1;
  assert.deepEqual(
    await timesOf(join(directory, "missing"), { since, until, follow: { clock, signal } }),
    [],
  );
  assert.equal(sleeps, 0);
  assert.ok(!signal.aborted);
});

test("days are removed when they are old enough; never the present one, and nothing else", async (t) => {
  const directory = await withDays(t, DAYS);
  await writeFile(join(directory, "2020-01-01.txt"), "");
  const clock = steppedClock(Date.parse("2026-03-05T11:00:00Z"));
  const stop = expireAudit({ directory, keepDays: 3, clock, log: recordingLogger().log });
  const days = async () => (await readdir(directory)).toSorted();
  const left = async (count: number, stepMs: number) => {
    for (let step = 0; step < 100 && (await days()).length !== count; step++) await clock.step(stepMs);
    return days();
  };
  assert.deepEqual(await left(3, 0), ["2020-01-01.txt", "2026-03-02.jsonl", "2026-03-05.jsonl"]);
  await clock.step(12 * 3_600_000);
  assert.deepEqual(await left(2, 600_000), ["2020-01-01.txt", "2026-03-05.jsonl"]);
  await stop();
});
