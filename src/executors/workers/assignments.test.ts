import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { silentLogger } from "../../lib/log.ts";
import { Assignments, type Assignment } from "./assignments.ts";

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
    const second = await Assignments.open(directory, silentLogger);
    assert.deepEqual(second.of("a"), { ...ASSIGNMENT, boot: "boot 1", startedAt: 7 });
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
    for (const [name, text] of [
      ["cut.json", `{"key":`],
      ["other.json", "{}"],
      ["unfinished.json.tmp", "{}"],
    ] as const)
      await writeFile(join(directory, name), text);
    const assignments = await Assignments.open(directory, silentLogger);
    assert.deepEqual(assignments.all(), []);
    await assignments.record("a", ASSIGNMENT);
    assert.ok((await readdir(directory)).includes("a.json"));
  });
});
