import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { suite, test } from "node:test";
import { argumentsOf, isAlive, listProcesses } from "./process-table.ts";

const unreadable = async (): Promise<string> => {
  throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
};

suite("processes of the system", { skip: process.platform === "linux" ? false : "reads /proc" }, () => {
  test("one that runs, one that has ended, one that nobody can read", async () => {
    assert.equal(await isAlive(process.pid), true);
    assert.equal(await isAlive(spawnSync("true").pid), false);
    assert.equal(await isAlive(process.pid, unreadable), undefined);
  });

  test("one that has ended and was not asked about yet does not run", async (t) => {
    // `exec` leaves the child, which ends when it is told to, to a program that never asks for it.
    const parent = spawn("sh", ["-c", "sleep 60 & echo $!; exec sleep 60"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    t.after(() => parent.kill("SIGKILL"));
    const [chunk] = (await once(parent.stdout, "data")) as [Buffer];
    const child = Number(chunk.toString());
    while (!(await readFile(`/proc/${parent.pid}/comm`, "utf8")).startsWith("sleep"))
      await new Promise((resolve) => setImmediate(resolve));
    process.kill(child, "SIGKILL");
    while (!/\) Z /.test(await readFile(`/proc/${child}/stat`, "utf8")))
      await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await isAlive(child), false);
  });

  test("a list leaves out who ends meanwhile, and is none at all where it cannot be read", async () => {
    const gone = spawnSync("true").pid;
    assert.ok((await listProcesses()).some(({ pid }) => pid === process.pid));
    assert.deepEqual(await argumentsOf(gone), [""]);
    await assert.rejects(listProcesses(unreadable), { code: "EMFILE" });
    await assert.rejects(argumentsOf(process.pid, unreadable), { code: "EMFILE" });
    const hidden = async () => Promise.reject(Object.assign(new Error("hidden"), { code: "EPERM" }));
    assert.deepEqual(await listProcesses(hidden), []);
  });
});
