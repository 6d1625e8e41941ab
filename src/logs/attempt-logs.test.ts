import assert from "node:assert/strict";
import { closeSync, existsSync, readdirSync, readlinkSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import type { AttemptKey } from "../domain/attempt.ts";
import { LogFileWriter } from "./log-file-writer.ts";
import {
  createAttemptLogs,
  LOG_END,
  type AttemptLogs,
  type LogLine,
  type LogPart,
  type ReadOptions,
} from "./attempt-logs.ts";

const KEY: AttemptKey = { project: "p", domain: "development", run: "r1", action: "a0", attempt: 1 };

async function directoryOf(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-logs-"));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

async function read(logs: AttemptLogs, options: ReadOptions = {}): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const batch of logs.read(KEY, options)) lines.push(...batch);
  return lines;
}

test("lines come back with their time and stream, from any line", async (t) => {
  const logs = createAttemptLogs(await directoryOf(t));
  assert.equal(await logs.exists(KEY), false);
  const log = await logs.open(KEY);
  log.write("stdout", "one", 1_000);
  log.write("stderr", "two\nhalves", 2_000);
  log.write("system", "three", 3_000);
  await log.flush();
  assert.deepEqual(await read(logs), [
    { atMs: 1_000, stream: "stdout", text: "one" },
    { atMs: 2_000, stream: "stderr", text: "two\\nhalves" },
    { atMs: 3_000, stream: "system", text: "three" },
  ]);
  assert.deepEqual(
    (await read(logs, { fromLine: 2 })).map(({ text }) => text),
    ["three"],
  );
  await log.close();
  assert.equal(await logs.exists(KEY), true);
});

test("a log without lines has no file, and is an empty one while it is written", async (t) => {
  const directory = await directoryOf(t);
  const logs = createAttemptLogs(directory);
  const log = await logs.open(KEY);
  assert.equal(log.lastAtMs, undefined);
  assert.equal(await logs.exists(KEY), true);
  assert.equal((await logs.readPart(KEY, LOG_END))?.size, 0);
  const followed = read(logs, { follow: true });
  await log.close();
  assert.deepEqual(await followed, []);
  assert.deepEqual(readdirSync(directory), []);
  assert.equal(await logs.exists(KEY), false);
  assert.equal(await logs.readPart(KEY, LOG_END), undefined);
  assert.deepEqual(await read(logs), []);
});

test("readers of a log that is being written leave nothing behind at the writer", async (t) => {
  const logs = createAttemptLogs(await directoryOf(t));
  const log = await logs.open(KEY);
  assert.ok(log instanceof LogFileWriter);
  log.write("stdout", "one", 1_000);
  await log.flush();
  await read(logs);
  assert.equal(log.changed.listenerCount("change"), 0, "one that does not follow");
  for await (const _ of logs.read(KEY, { follow: true })) break;
  assert.equal(log.changed.listenerCount("change"), 0, "one that leaves in the middle");
  await log.close();
});

test("a log that cannot be read is not taken for one that does not exist", async (t) => {
  const directory = await directoryOf(t);
  const file = join(directory, "p", "development", "r1", "a0", "1.log");
  await mkdir(dirname(file), { recursive: true });
  await symlink(file, file);
  await assert.rejects(createAttemptLogs(directory).exists(KEY), { code: "ELOOP" });
});

test("a line ends at its line feed, whatever else is in it", async (t) => {
  const logs = createAttemptLogs(await directoryOf(t));
  const log = await logs.open(KEY);
  const texts = ["  0%|\r 50%|\r100%|", "sep\u2028inside\u2029", "", "x".repeat(200_000), "ü€😀\u0085end"];
  const followed = read(logs, { follow: true });
  for (const text of texts) {
    log.write("stdout", text, 1);
    await log.flush();
  }
  await log.close();
  assert.deepEqual(
    (await followed).map(({ text }) => text),
    texts,
  );
});

test("small and large pieces that follow each other closely stay in their order", async (t) => {
  const logs = createAttemptLogs(await directoryOf(t));
  const log = await logs.open(KEY);
  const texts = Array.from({ length: 200 }, (_, index) => `${index}${"x".repeat((index % 7) * 5_000)}`);
  for (const text of texts) {
    log.write("stdout", text, 1);
    // Some wait for the turn of the event loop, some for a large write that is under way.
    if (text.length < 10) await setImmediate();
  }
  await log.close();
  const lines = await read(logs);
  assert.deepEqual(
    lines.map(({ text }) => text),
    texts,
  );
});

const noFullDevice = existsSync("/dev/full") ? false : "this system has no /dev/full";

test(
  "lines that could not be written are counted, and those after them are kept",
  { skip: noFullDevice },
  async (t) => {
    const directory = await directoryOf(t);
    const file = join(directory, "p/development/r1/a0/1.log");
    await mkdir(dirname(file), { recursive: true });
    // A device that is always full, until it is taken away.
    await symlink("/dev/full", file);
    const logs = createAttemptLogs(directory);
    const log = await logs.open(KEY);
    for (const text of ["lost", "lost, too"]) {
      log.write("stdout", text, 1);
      await log.flush();
    }
    await rm(file);
    log.write("stdout", "kept", 2);
    await log.close();
    assert.deepEqual(
      (await read(logs)).map(({ text }) => text),
      ["kept", "2 lines could not be written: is the disk full?"],
    );
  },
);

const noProc = existsSync("/proc/self/fd") ? false : "this system has no /proc";

test("a log whose file cannot be closed goes on in it, and ends", { skip: noProc }, async (t) => {
  const directory = await directoryOf(t);
  const file = join(directory, "p/development/r1/a0/1.log");
  const logs = createAttemptLogs(directory);
  const log = await logs.open(KEY);
  log.write("stdout", "first", 0);
  await log.flush();
  /** Then a write and a close of it are errors. */
  const takeAway = () => {
    const open = readdirSync("/proc/self/fd").map(Number);
    const its = open.filter((descriptor) => pathOf(descriptor) === file);
    assert.equal(its.length, 1);
    for (const descriptor of its) closeSync(descriptor);
  };
  takeAway();
  log.write("stdout", "lost", 1);
  await log.flush();
  log.write("stdout", "kept", 2);
  await log.flush();
  takeAway();
  await assert.doesNotReject(log.close());
  assert.deepEqual(
    (await read(logs)).map(({ text }) => text),
    ["first", "kept"],
  );
});

function pathOf(descriptor: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}

test("a follower gets what is written later, and ends with the log", async (t) => {
  const logs = createAttemptLogs(await directoryOf(t));
  const log = await logs.open(KEY);
  const followed = read(logs, { follow: true });
  for (let n = 0; n < 1_200; n++) log.write("stdout", `line ${n}`, n);
  await log.flush();
  log.write("stdout", "last", 1_200);
  await log.close();
  const lines = await followed;
  assert.equal(lines.length, 1_201);
  assert.equal(lines.at(-1)?.text, "last");
});

test("a log that nobody writes yet is waited for while its attempt lives", async (t) => {
  const directory = await directoryOf(t);
  const before = createAttemptLogs(directory);
  const first = await before.open(KEY);
  first.write("stdout", "before the restart", 1);
  await first.close();

  const logs = createAttemptLogs(directory);
  let over = false;
  const isAsked = Promise.withResolvers<void>();
  const isOver = async () => {
    isAsked.resolve();
    return over;
  };
  const followed = read(logs, { follow: true, isOver });
  await isAsked.promise;
  const second = await logs.open(KEY);
  second.write("stdout", "after it", 2);
  over = true;
  await second.close();
  assert.deepEqual(
    (await followed).map(({ text }) => text),
    ["before the restart", "after it"],
  );
});

test("a line that was cut by a crash does not swallow the next", async (t) => {
  const directory = await directoryOf(t);
  const first = await createAttemptLogs(directory).open(KEY);
  first.write("stdout", "whole", 5);
  await first.close();
  await appendFile(join(directory, "p/development/r1/a0/1.log"), "6 o ha");
  const logs = createAttemptLogs(directory);
  const log = await logs.open(KEY);
  // The output goes on there, and the line that was cut comes whole.
  assert.equal(log.lastAtMs, 5);
  log.write("stdout", "half", 6);
  await log.close();
  assert.deepEqual(
    (await read(logs)).map(({ text }) => text),
    ["whole", "ha", "half"],
  );
});

test("beyond its limit a log drops lines, and its last line counts them", async (t) => {
  const directory = await directoryOf(t);
  const logs = createAttemptLogs(directory, { maxBytes: 100 });
  const log = await logs.open(KEY);
  for (let n = 0; n < 20; n++) log.write("stdout", "ten bytes!", n);
  await log.close();
  const lines = await read(logs);
  assert.equal(lines.at(-1)?.stream, "system");
  assert.match(lines.at(-1)?.text ?? "", /^14 more lines were dropped: a log keeps 100 bytes$/u);
  assert.equal(lines.length, 7);
  assert.ok((await readFile(join(directory, "p/development/r1/a0/1.log"))).length < 200);
});

test("who follows the end slower than the log grows gets its end, and is shown the gap", async (t) => {
  const logs = createAttemptLogs(await directoryOf(t));
  const log = await logs.open(KEY);
  log.write("stdout", "first", 0);
  await log.flush();
  const parts: LogPart[] = [];
  for await (const part of logs.followEnd(KEY, 0, {})) {
    parts.push(part);
    if (parts.length > 1) continue;
    for (let n = 0; n < 10_000; n++) log.write("stdout", `line ${n}`, n);
    await log.close();
  }
  const [first, last] = parts;
  assert.deepEqual([parts.length, first?.start, first?.lines.length], [2, 0, 1]);
  assert.ok((last?.start ?? 0) > (first?.end ?? 0));
  assert.deepEqual(
    last?.lines.map(({ text }) => text),
    Array.from({ length: 1_000 }, (_, n) => `line ${9_000 + n}`),
  );
});
