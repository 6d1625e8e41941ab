import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { extract } from "tar-stream";
import { shellInsteadOf } from "./task-program.ts";

async function filesOf(archive: Buffer): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for await (const entry of Readable.from([archive]).pipe(extract()))
    files.set(entry.header.name, await text(entry));
  return files;
}

test("the script runs the task's program with its very arguments", async (t) => {
  const words = ["printf", "[%s]", "a b", "it's", "$HOME", 'say "x"', "", "new\nline"];
  const { program, archive } = await shellInsteadOf(words, { command: ["/bin/sh"] });
  assert.deepEqual(program, ["/run/boxkite/shell"]);
  const files = await filesOf(archive);
  const directory = await mkdtemp(join(tmpdir(), "boxkite-test-"));
  t.after(() => rm(directory, { recursive: true }));
  const file = join(directory, "run");
  await writeFile(file, files.get("run/boxkite/run") ?? "");
  await chmod(file, 0o755);
  const said = execFileSync(file, { encoding: "utf8" });
  assert.equal(said, '[a b][it\'s][$HOME][say "x"][][new\nline]');
});

test("with a static shell both scripts are read by it", async () => {
  const command = ["/run/boxkite/busybox", "sh", "-c", "exec busybox sh", "sh"];
  const files = await filesOf((await shellInsteadOf(["a0"], { command })).archive);
  assert.equal(files.get("run/boxkite/run"), `#!/run/boxkite/busybox sh\nexec 'a0' "$@"\n`);
  assert.match(
    files.get("run/boxkite/shell") ?? "",
    /^#!\/run\/boxkite\/busybox sh\nexec '\/run\/boxkite\/busybox' 'sh' '-c'/u,
  );
});
