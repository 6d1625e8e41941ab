import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { suite, test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { isOurProcess, stopGroup } from "./process-group.ts";

suite("stopGroup", () => {
  test("who ends in time is not late", async () => {
    const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
    let ended = false;
    const exit = once(child, "exit").then((values) => ((ended = true), values));
    assert.equal(await stopGroup(child.pid ?? 0, 60_000, async () => ended), false);
    assert.deepEqual(await exit, [null, "SIGTERM"]);
  });

  test("who does not is killed when the grace period is over, and not before", async () => {
    const clock = steppedClock();
    const child = spawn("sh", ["-c", "trap '' TERM; echo ready; while :; do sleep 60; done"], {
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(child.stdout, "data");
    const exit = once(child, "exit");
    let late: boolean | undefined;
    const stopped = stopGroup(child.pid ?? 0, 1_000, async () => false, clock).then(
      (answer) => (late = answer),
    );
    await clock.step(900);
    assert.equal(late, undefined);
    await clock.step(200);
    assert.equal(await stopped, true);
    assert.deepEqual(await exit, [null, "SIGKILL"]);
  });

  test("a group that is gone needs no waiting", async () => {
    assert.equal(await stopGroup(spawnSync("true").pid, 60_000, async () => false, steppedClock()), false);
  });
});

suite("isOurProcess", { skip: process.platform === "linux" ? false : "reads /proc" }, () => {
  test("ours is known by its directory; what cannot be read is unknown, not gone", async () => {
    assert.equal(await isOurProcess(process.pid, "node"), true);
    assert.equal(await isOurProcess(process.pid, "/no/such/directory"), false);
    assert.equal(await isOurProcess(spawnSync("true").pid, "true"), false);
    const unreadable = () =>
      Promise.reject(Object.assign(new Error("too many open files"), { code: "EMFILE" }));
    assert.equal(await isOurProcess(process.pid, "node", unreadable), undefined);
  });
});
