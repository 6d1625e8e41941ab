import assert from "node:assert/strict";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mock, suite, test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { silentLogger } from "../../lib/log.ts";
import { Assignments, type Assignment } from "./assignments.ts";
import { Journal } from "./journal.ts";

const ASSIGNMENT: Assignment = {
  key: { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 },
  warm: { mode: "one_shot", pool: "pool", worker: "w1", earlierAttempts: 0 },
  id: "1",
  assignedAt: 5,
};

suite("assignments of attempts to workers", () => {
  test("are there after a restart, until they are forgotten", async (t) => {
    const directory = join(await temporaryDirectory(t), "assignments");
    const first = await Assignments.open(directory, silentLogger, "boot 1");
    await first.record("a", ASSIGNMENT);
    await first.record("b", { ...ASSIGNMENT, warm: { ...ASSIGNMENT.warm, worker: "w2" } });
    await first.started("a", 7);
    await first.started("unknown", 7);
    first.copied("a", { stdout: 1, stderr: 0 });
    first.copied("a", { stdout: 9, stderr: 2 });
    first.copied("unknown", { stdout: 1, stderr: 0 });
    const second = await Assignments.open(directory, silentLogger);
    assert.deepEqual(second.of("a"), {
      ...ASSIGNMENT,
      boot: "boot 1",
      startedAt: 7,
      copied: { stdout: 9, stderr: 2 },
    });
    assert.equal(second.of("b")?.copied, undefined);
    assert.deepEqual([...second.workers()].toSorted(), ["w1", "w2"]);
    assert.equal(second.all().length, 2);
    assert.equal(second.runOf("w1")?.run, "r");
    assert.equal(second.runOf("w3"), undefined);
    await second.forget("a");
    await second.forget("a");
    const third = await Assignments.open(directory, silentLogger);
    assert.deepEqual([third.of("a"), third.all().length], [undefined, 1]);
  });

  test("do not say that a worker which others may share is of a run", async (t) => {
    const assignments = await Assignments.open(await temporaryDirectory(t), silentLogger);
    await assignments.record("a", { ...ASSIGNMENT, warm: { ...ASSIGNMENT.warm, mode: "resident" } });
    assert.equal(assignments.runOf("w1"), undefined);
  });

  test("say whether the machine was restarted since", async (t) => {
    const directory = await temporaryDirectory(t);
    const seenBy = async (boot?: string) => {
      const assignments = await Assignments.open(directory, silentLogger, boot);
      const assignment = assignments.of("a");
      return assignment && assignments.isOfEarlierBoot(assignment);
    };
    await (await Assignments.open(directory, silentLogger)).record("a", ASSIGNMENT);
    assert.equal(await seenBy(), false);
    assert.equal(await seenBy("another"), true);
  });

  test("that could not be written whole are passed over", async (t) => {
    const directory = await temporaryDirectory(t);
    const file = join(directory, "journal");
    await (await Assignments.open(directory, silentLogger)).record("a", ASSIGNMENT);
    const whole = (await readFile(file, "utf8")).replaceAll("\0", "");
    await writeFile(file, `["b",{"key":{}}]\n{}\n${whole}${whole.slice(0, -5)}\0${whole.replace("a", "c")}`);
    const assignments = await Assignments.open(directory, silentLogger);
    assert.deepEqual([assignments.all().length, assignments.of("a")?.id], [1, "1"]);
    await assignments.record("d", ASSIGNMENT);
    assert.equal((await Assignments.open(directory, silentLogger)).all().length, 2);
  });

  test("are kept where many were forgotten since, in a file that does not grow", async (t) => {
    const directory = await temporaryDirectory(t);
    const assignments = await Assignments.open(directory, silentLogger);
    await assignments.record("kept", ASSIGNMENT);
    await assignments.started("kept", 7);
    assignments.copied("kept", { stdout: 3, stderr: 0 });
    const { size } = await stat(join(directory, "journal"));
    for (let first = 0; first < 2_000; first += 50) {
      const names = Array.from({ length: 50 }, (_, n) => `a${first + n}`);
      await Promise.all(names.map((name) => assignments.record(name, ASSIGNMENT)));
      await Promise.all(names.map((name) => assignments.forget(name)));
    }
    await assignments.record("last", ASSIGNMENT);
    assert.equal((await stat(join(directory, "journal"))).size, size);
    const reopened = await Assignments.open(directory, silentLogger);
    assert.deepEqual(reopened.all(), assignments.all());
    const { startedAt, copied } = reopened.of("kept") ?? {};
    assert.deepEqual([reopened.all().length, startedAt, copied], [2, 7, { stdout: 3, stderr: 0 }]);
  });

  test("of attempts that start elsewhere are gone on the disk, too", async (t) => {
    const directory = await temporaryDirectory(t);
    const assignments = await Assignments.open(directory, silentLogger);
    await assignments.leave("unknown");
    await assignments.record("a", ASSIGNMENT);
    const syncs = mock.method(Journal.prototype, "synced");
    t.after(() => syncs.mock.restore());
    await assignments.leave("a");
    assert.deepEqual([assignments.of("a"), syncs.mock.callCount()], [undefined, 1]);
  });

  test("are not kept where the disk does not take them", async (t) => {
    const directory = await temporaryDirectory(t);
    const assignments = await Assignments.open(directory, silentLogger);
    await rm(directory, { recursive: true });
    await assert.rejects(assignments.record("a", ASSIGNMENT), /ENOENT/u);
    assert.equal(assignments.of("a"), undefined);
    await mkdir(directory);
    await assignments.record("b", ASSIGNMENT);
    assert.deepEqual([...(await Assignments.open(directory, silentLogger)).all()].length, 1);
  });
});
