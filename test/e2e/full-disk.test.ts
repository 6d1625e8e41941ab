/** A full disk (a small file system of its own) under a real server, with the stock SDK. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import { processSubject, usePython, type Subject } from "../helpers/process-subject.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

before(() => usePython(stockPython()));

const FLOW = `
import os, pathlib, tempfile, time
import flyte
from flyte.io import File

env = flyte.TaskEnvironment(name="e")

@env.task
async def write(size: int) -> File:
    path = tempfile.mktemp()
    pathlib.Path(path).write_bytes(os.urandom(size))
    return await File.from_local(path)

@env.task
async def hides(size: int) -> File:
    try:
        path = tempfile.mktemp()
        pathlib.Path(path).write_bytes(os.urandom(size))
        return await File.from_local(path)
    except Exception:
        raise RuntimeError("the model was not saved") from None

@env.task
async def inline(size: int) -> str:
    return "x" * size

@env.task
async def wait(marker: str) -> int:
    pathlib.Path(marker + ".begun").touch()
    while not os.path.exists(marker):
        time.sleep(0.05)
    return 7
`;

/** A server with a data directory on a disk of 48 MiB; undefined (and skipped) where none can be mounted. */
async function onSmallDisk(t: TestContext): Promise<(Subject & { readonly disk: string }) | undefined> {
  const disk = await mkdtemp(join(tmpdir(), "boxkite-disk-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", disk], { encoding: "utf8" });
  if (mounted.status !== 0) {
    await rmdir(disk);
    t.skip(`no file system can be mounted here: ${mounted.error?.message ?? mounted.stderr.trim()}`);
    return undefined;
  }
  try {
    return { ...(await processSubject(t, FLOW, ["--data", join(disk, "data")])), disk };
  } finally {
    // Runs after the server has been stopped, because that was registered first.
    t.after(async () => {
      spawnSync("umount", [disk]);
      await rmdir(disk);
    });
  }
}

/** Takes all free space; the returned function frees it. */
function fill(directory: string): () => Promise<void> {
  const filler = join(directory, "filler");
  const dd = spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=64k"], { encoding: "utf8" });
  assert.match(dd.stderr, /No space left/u);
  return () => rm(filler);
}

test("an upload that the full disk refused is the system's failure, whatever the task makes of it, and the next run succeeds", async (t) => {
  const subject = await onSmallDisk(t);
  if (subject === undefined) return;
  const { run } = subject;
  const [plain, hidden, inline] = await Promise.all([
    run("write", { size: 80_000_000 }),
    run("hides", { size: 80_000_000 }),
    run("inline", { size: 60_000_000 }),
  ]);
  for (const outcome of [plain, hidden, inline]) {
    assert.match(outcome.phase.toLowerCase(), /failed/u);
    assert.deepEqual([outcome.code, outcome.kind], ["DISK_FULL", 2], "the system's fault");
    assert.match(outcome.error ?? "", /disk is full.*free some space/su);
  }
  assert.match(hidden.error ?? "", /^the model was not saved; hint: /u);
  assert.match((await run("write", { size: 1_000 })).phase.toLowerCase(), /succeeded/u);
});

test("an end that cannot be stored is stored when there is space again; calls in between say why they fail", async (t) => {
  const subject = await onSmallDisk(t);
  if (subject === undefined) return;
  const { server, directory, disk, run } = subject;
  const marker = join(directory, "marker");
  const waiting = run("wait", { marker });
  await until(async () => existsSync(`${marker}.begun`));
  const free = fill(disk);
  await assert.rejects(run("write", { size: 10 }), /disk is full/u);
  // A log of the server's has given its space back: the same file takes that, too.
  fill(disk);
  const health = await fetch(new URL("/healthz", server.ready.url));
  assert.equal(health.status, 503);
  assert.match(await health.text(), /its disk is full; hint: free some space/u);
  const before = server.log().length;
  await writeFile(marker, "");
  // The SDK's runtime retries writing its outputs for about 20 s; there is space again before it gives up.
  await until(async () => server.log().slice(before).includes("objects cannot be written"));
  await free();
  const outcome = await waiting;
  assert.match(outcome.phase.toLowerCase(), /succeeded/u);
  assert.deepEqual(outcome.outputs, [7]);
});
