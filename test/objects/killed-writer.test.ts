import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { openDirectoryStore } from "../../src/objects/directory-store.ts";

const ROUNDS = 20;

test("a killed process loses nothing that was answered and leaves nothing half-written", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-objects-"));
  t.after(() => rm(directory, { recursive: true }));
  const child = spawn(process.execPath, [join(import.meta.dirname, "put-until-killed.ts"), directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const exited = once(child, "exit");
  let answered = -1;
  for await (const line of createInterface({ input: child.stdout })) {
    answered = Number(line);
    if (answered === ROUNDS) child.kill("SIGKILL");
  }
  assert.deepEqual(await exited, [null, "SIGKILL"], "the writer did not end by itself");
  assert.ok(answered >= ROUNDS, `the writer was killed after ${answered} rounds`);
  const store = await openDirectoryStore(directory);
  t.after(() => store.close());
  for (let round = 0; round <= answered; round++) {
    assert.deepEqual(await store.readAll(`kept/${round}`), Buffer.alloc(50_000, round));
    assert.deepEqual(await store.readAll(`small/${round}`), Buffer.alloc(50, round));
  }
  const moved = await store.readAll("moved");
  assert.ok(moved?.length === 100 || moved?.length === 100_000);
  assert.ok(moved.every((byte) => byte === moved[0]));
  const replaced = await store.readAll("replaced");
  assert.equal(replaced?.length, 3_000_000);
  assert.ok(replaced.every((byte) => byte === replaced[0]));
  assert.deepEqual(await readdir(join(directory, ".tmp")), []);
});
