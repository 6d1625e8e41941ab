import assert from "node:assert/strict";
import { appendFile, chown, mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { LOCAL } from "../domain/principal.ts";
import { until } from "../../test/helpers/until.ts";
import { openAuditLog } from "./audit-log.ts";
import { withEntry } from "./append-entry.ts";
import { dayOf, fileOfDay, openDayFile, type DayFile } from "./day-file.ts";
import type { AuditEntry, AuditLine } from "./entry.ts";
import { readAuditLines } from "./read-lines.ts";

const START = Date.parse("2026-03-01T23:59:58Z");
const DAY = "2026-03-01";

const entry = (call: string, at = START): AuditEntry => ({
  ...LOCAL,
  at,
  kind: "change",
  call,
  on: [{ kind: "run", key: "p/d/r" }],
  result: "ok",
});

async function directoryOf(t: TestContext): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), "boxkite-audit-"));
  t.after(() => rm(parent, { recursive: true, force: true }));
  return join(parent, "audit");
}

async function callsIn(directory: string, damaged: string[] = []): Promise<string[]> {
  const onDamaged = (file: string, line: number) => damaged.push(`${file}:${line}`);
  const lines = await Array.fromAsync(readAuditLines(directory, { onDamaged }));
  return lines.map(({ line }) => line.call);
}

const isRefused = (code: string) => (error: unknown) => {
  assert.ok(error instanceof BoxkiteError && error.code === code && error.hint !== undefined, String(error));
  return true;
};

test("a line is in the file when it is written, in a file of its day that only its owner reads", async (t) => {
  const directory = await directoryOf(t);
  const clock = steppedClock(START);
  const log = openAuditLog(directory, { clock, log: recordingLogger().log });
  log.write(entry("first"));
  const line = JSON.parse(await readFile(fileOfDay(directory, DAY), "utf8")) as AuditLine;
  assert.deepEqual(line, {
    time: "2026-03-01T23:59:58.000Z",
    kind: "change",
    who: "local",
    identity: "everyone",
    client: "",
    from: "",
    call: "first",
    on: [{ kind: "run", key: "p/d/r" }],
    result: "ok",
  });
  await clock.step(2_000);
  log.write(entry("second"));
  assert.match(await readFile(fileOfDay(directory, "2026-03-02"), "utf8"), /"second"/u);
  assert.deepEqual(await callsIn(directory), ["first", "second"]);
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  assert.equal((await stat(fileOfDay(directory, DAY))).mode & 0o777, 0o600);
  await log.close();
});

test("a last line that a crash cut is ended, and reading leaves it out and names it", async (t) => {
  const directory = await directoryOf(t);
  const options = { clock: steppedClock(START), log: recordingLogger().log };
  const before = openAuditLog(directory, options);
  before.write(entry("whole"));
  await before.close();
  const file = fileOfDay(directory, DAY);
  await appendFile(file, '{"time":"2026-03-01T23:5');
  const damaged: string[] = [];
  assert.deepEqual(await callsIn(directory, damaged), ["whole"]);
  const after = openAuditLog(directory, options);
  after.write(entry("next"));
  await withEntry(directory, "boxkite keys rotate", [], async () => {}, options);
  await after.close();
  assert.deepEqual(await callsIn(directory, damaged), ["whole", "next", "boxkite keys rotate"]);
  assert.deepEqual(damaged, [`${file}:2`, `${file}:2`]);
});

/** A disk that takes so many more bytes, and syncs when it is let. */
function fullDisk() {
  const disk = {
    space: Infinity,
    mayEnd: Promise.resolve(),
    opened: 0,
    open: (directory: string, day: string): DayFile => {
      const file = openDayFile(directory, day);
      disk.opened++;
      return {
        ...file,
        sync: () => disk.mayEnd,
        write: (bytes) => {
          if (disk.space === 0) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
          const written = file.write(bytes.subarray(0, Math.min(bytes.length, disk.space)));
          disk.space -= written;
          return written;
        },
      };
    },
  };
  return disk;
}

async function onFullDisk(t: TestContext) {
  const directory = await directoryOf(t);
  const clock = steppedClock(Date.parse("2026-03-01T12:00:00Z"));
  const disk = fullDisk();
  const { log, lines } = recordingLogger();
  const audit = openAuditLog(directory, { clock, log, openFile: disk.open });
  const failing = (entry: AuditEntry) => assert.throws(() => audit.write(entry), isRefused("DISK_FULL"));
  const logged = (message: string) => lines.filter((line) => line.message === message);
  return { directory, clock, disk, audit, failing, lines, logged };
}

test("what is written while the log recovers is in it once it has recovered", async (t) => {
  const { directory, clock, disk, audit, failing } = await onFullDisk(t);
  disk.space = 0;
  failing(entry("first"));
  disk.space = Infinity;
  const syncing = Promise.withResolvers<void>();
  disk.mayEnd = syncing.promise;
  await clock.step(1_000);
  failing(entry("meanwhile"));
  assert.deepEqual(await callsIn(directory), ["first"]);
  syncing.resolve();
  await clock.step(0);
  audit.requireWritable();
  assert.deepEqual(await callsIn(directory), ["first", "meanwhile"]);
  await audit.close();
});

test("closing writes what is left, or logs how much is lost, and nothing is written later", async (t) => {
  const saved = await onFullDisk(t);
  saved.disk.space = 0;
  saved.failing(entry("saved"));
  saved.audit.beforeClose(() => saved.failing(entry("at the end")));
  saved.disk.space = Infinity;
  await saved.audit.close();
  assert.deepEqual(await callsIn(saved.directory), ["saved", "at the end"]);

  const { directory, disk, audit, failing, logged } = await onFullDisk(t);
  disk.space = 0;
  failing(entry("lost"));
  failing({ ...entry("denied"), kind: "denied" });
  await audit.close();
  const [incomplete] = logged("the audit log is not complete");
  assert.deepEqual([incomplete?.["lostLines"], incomplete?.["deniedWithoutLine"]], [1, 1]);
  disk.space = Infinity;
  const { opened } = disk;
  assert.throws(() => audit.write(entry("late")), isRefused("DATA_DIRECTORY_UNUSABLE"));
  assert.equal(disk.opened, opened);
  assert.match(String(logged("an entry of the audit log is lost")[0]?.["entry"]), /"call":"late"/u);
  assert.deepEqual(await callsIn(directory), []);
});

test("while the log cannot be written, denied calls do not displace changes; what does not fit is in the server's log", async (t) => {
  const { directory, clock, disk, audit, failing, logged } = await onFullDisk(t);
  const long = Array.from({ length: 20 }, (_, index) => ({ kind: "object", key: `${index}`.padEnd(1_000) }));
  const [denials, changes] = [200, 250];
  disk.space = 0;
  failing(entry("first"));
  for (let each = 0; each < denials; each++) failing({ ...entry("denied"), kind: "denied", on: long });
  for (let each = 0; each < changes; each++) failing({ ...entry(`change ${each}`), on: long });
  disk.space = Infinity;
  await clock.step(1_000);
  const calls = await callsIn(directory);
  const lost = logged("an entry of the audit log is lost");
  assert.deepEqual(calls.slice(0, 2), ["first", "change 0"]);
  assert.ok(calls.length > 200 && lost.length > 0, `${calls.length} and ${lost.length}`);
  assert.equal(calls.length + lost.length, 1 + changes);
  const [recovered] = logged("the audit log can be written again");
  assert.equal(recovered?.["deniedWithoutLine"], denials);
  await audit.close();
});

test("a command whose entry does not fit on the disk says so", async (t) => {
  const directory = await directoryOf(t);
  const disk = fullDisk();
  const options = { clock: steppedClock(START), openFile: disk.open };
  const call = (name: string) => withEntry(directory, name, [], async () => {}, options);
  await call("first");
  disk.space = 20;
  await assert.rejects(call("cut"), isRefused("DISK_FULL"));
  disk.space = Infinity;
  await call("next");
  assert.deepEqual(await callsIn(directory), ["first", "next"]);
});

const notRoot = process.getuid?.() !== 0 && "only root can give a directory to another user";
test(
  "what a command of root makes is its owner's whose data directory it is",
  { skip: notRoot },
  async (t) => {
    const directory = await directoryOf(t);
    await chown(dirname(directory), 12_345, 12_346);
    await withEntry(directory, "boxkite keys rotate", [], async () => {}, { clock: steppedClock(START) });
    for (const path of [directory, fileOfDay(directory, DAY)]) {
      const { uid, gid } = await stat(path);
      assert.deepEqual([uid, gid], [12_345, 12_346], path);
    }
  },
);

test("on a full disk nothing is accepted, until there is space: then what was under way is written whole", async (t) => {
  const { directory, clock, disk, audit, lines } = await onFullDisk(t);
  audit.write(entry("before"));
  disk.space = 20;
  assert.throws(() => audit.write(entry("cut")), isRefused("DISK_FULL"));
  assert.throws(() => audit.requireWritable(), isRefused("DISK_FULL"));
  assert.throws(() => audit.check(), isRefused("DISK_FULL"));
  assert.throws(() => audit.write(entry("under way")), isRefused("DISK_FULL"));
  await clock.step(1_000);
  assert.throws(() => audit.requireWritable(), isRefused("DISK_FULL"));
  disk.space = Infinity;
  await clock.step(1_000);
  audit.requireWritable();
  audit.write(entry("after"));
  const damaged: string[] = [];
  assert.deepEqual(await callsIn(directory, damaged), ["before", "cut", "under way", "after"]);
  assert.equal(damaged.length, 1);
  assert.deepEqual(
    lines.map(({ level, message }) => `${String(level)}: ${String(message)}`),
    [
      "error: the audit log cannot be written: calls that need an entry are refused",
      "info: the audit log can be written again",
    ],
  );
  await audit.close();
});

test("a directory that is gone is found out and not made again; what is put back is used", async (t) => {
  const directory = await directoryOf(t);
  const clock = steppedClock(Date.parse("2026-03-01T12:00:00Z"));
  const { log, lines } = recordingLogger();
  const audit = openAuditLog(directory, { clock, log });
  audit.write(entry("before"));
  await rename(directory, `${directory}-moved`);
  assert.throws(() => audit.check(), isRefused("DATA_DIRECTORY_UNUSABLE"));
  assert.throws(() => audit.write(entry("meanwhile")), isRefused("DATA_DIRECTORY_UNUSABLE"));
  await clock.step(1_000);
  await assert.rejects(stat(directory));
  await rename(`${directory}-moved`, directory);
  await clock.step(1_000);
  // The disk is a real one.
  await until(async () => lines.some(({ message }) => message === "the audit log can be written again"));
  assert.deepEqual(await callsIn(directory), ["before", "meanwhile"]);
  await audit.close();
});

test("that the file was removed is found within a second of the next line, too", async (t) => {
  const directory = await directoryOf(t);
  const clock = steppedClock(Date.parse("2026-03-01T12:00:00Z"));
  const { log, lines } = recordingLogger();
  const audit = openAuditLog(directory, { clock, log });
  await rm(fileOfDay(directory, DAY));
  audit.write(entry("lost"));
  await clock.step(1_000);
  await until(async () => lines.some(({ level }) => level === "error"));
  await clock.step(1_000);
  await until(async () => lines.some(({ message }) => message === "the audit log can be written again"));
  audit.write(entry("found"));
  assert.deepEqual(await callsIn(directory), ["found"]);
  await audit.close();
});

test("work of a command is not begun where it cannot be recorded, and is recorded where it fails", async (t) => {
  const directory = await directoryOf(t);
  const clock = steppedClock(START);
  let begun = 0;
  const work = async () => {
    begun++;
    throw new BoxkiteError("CONFIG_INVALID", "no such token", { hint: "boxkite token list" });
  };
  await assert.rejects(
    withEntry(join(directory, "missing"), "boxkite token revoke", [], work, { clock }),
    isRefused("DATA_DIRECTORY_UNUSABLE"),
  );
  assert.equal(begun, 0);
  await assert.rejects(
    withEntry(directory, "boxkite token revoke", [{ kind: "token", key: "ci" }], work, { clock }),
    /no such token/u,
  );
  const [line] = await Array.fromAsync(readAuditLines(directory, { onDamaged: () => assert.fail() }));
  assert.equal(line?.line.identity, "operator");
  assert.equal(line?.line.result, "CONFIG_INVALID");
  assert.equal(dayOf(START), DAY);
});
