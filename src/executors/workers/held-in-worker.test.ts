import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mock, test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { Assignments } from "./assignments.ts";
import { AttemptFiles } from "./attempt-files.ts";
import { HeldInWorker, holdInWorker } from "./held-in-worker.ts";

type Context = Parameters<typeof holdInWorker>[0];

test("the exit code that was read first counts, whatever becomes of its file", async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, "attempts", "a"), { recursive: true });
  const file = join(directory, "attempts", "a", "exit");
  const files = new AttemptFiles(directory, "a");
  const facts = { assignment: {}, files } as unknown as ConstructorParameters<typeof HeldInWorker>[0];
  const held = new HeldInWorker(facts, []);
  assert.equal(await held.exitCode(), undefined);
  await writeFile(file, "0");
  assert.equal(await held.exitCode(), 0);
  await writeFile(file, "9");
  assert.equal(await held.exitCode(), 0);
});

test("the exit code that was read first counts for those that read it at the same time", async () => {
  const codes = [0, 9];
  const files = { exitCode: async () => codes.shift() };
  const facts = { assignment: {}, files } as unknown as ConstructorParameters<typeof HeldInWorker>[0];
  const held = new HeldInWorker(facts, []);
  assert.deepEqual(await Promise.all([held.exitCode(), held.exitCode()]), [0, 0]);
});

test("a server goes on in the log where the one before it was killed", async (t) => {
  const directory = await temporaryDirectory(t);
  const files = new AttemptFiles(directory, "a");
  await files.create();
  const assignment = {
    key: { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 },
    warm: { mode: "resident", pool: "pool", worker: "w", earlierAttempts: 0 },
    id: "a",
    assignedAt: 1,
  } as const;
  /** What this server copies into the log, which has lines since `lastAtMs`. */
  const copied = async (lastAtMs: number | undefined, boot = "boot 1") => {
    const assignments = await Assignments.open(join(directory, "assignments"), silentLogger, boot);
    if (assignments.of("name") === undefined) await assignments.record("name", assignment);
    const known = assignments.of("name") ?? assignment;
    const lines: string[] = [];
    const sink = {
      lastAtMs,
      flush: async () => {},
      write: (_: string, line: string) => void lines.push(line),
    };
    const context = { sink, clock: systemClock, assignments, name: "name" } as unknown as Context;
    const held = await holdInWorker(context, known, undefined, files);
    await held.output.read();
    held.close();
    return lines;
  };
  await writeFile(join(files.path, "stdout"), "one\ntw");
  assert.deepEqual(await copied(undefined), ["one"]);
  await writeFile(join(files.path, "stdout"), "one\ntwo\n");
  assert.deepEqual(await copied(1), ["two"]);
  assert.deepEqual(await copied(1), []);
  assert.deepEqual(await copied(undefined), ["one", "two"], "the log is gone");
  assert.deepEqual(await copied(1, "boot 2"), ["one", "two"], "the log may have lost lines with the machine");
});

test("a program that prints all the time does not fill the journal", async (t) => {
  const directory = await temporaryDirectory(t);
  const files = new AttemptFiles(directory, "a");
  await files.create();
  const assignments = await Assignments.open(join(directory, "assignments"), silentLogger);
  const noted = mock.method(assignments, "copied");
  const sink = { lastAtMs: undefined, flush: async () => {}, write: () => {} };
  const context = { sink, clock: steppedClock(), assignments, name: "name" } as unknown as Context;
  const assignment = { id: "a" } as unknown as Parameters<typeof holdInWorker>[1];
  const held = await holdInWorker(context, assignment, undefined, files);
  for (const text of ["1\n", "1\n2\n", "1\n2\n3\n"]) {
    await writeFile(join(files.path, "stdout"), text);
    await held.output.read();
  }
  held.close();
  assert.deepEqual(
    noted.mock.calls.map(({ arguments: [, copied] }) => copied.stdout),
    [2, 6],
  );
});
