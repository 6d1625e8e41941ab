import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { findEngine } from "./build-locally.ts";

test("the local builder is docker where it answers, else podman", async (t) => {
  const scratch = await temporaryDirectory(t);
  const searchIn = async (name: string, programs: Readonly<Record<string, string>>) => {
    const directory = join(scratch, name);
    await mkdir(directory);
    for (const [program, script] of Object.entries(programs))
      await writeFile(join(directory, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    process.env["PATH"] = directory;
  };
  const path = process.env["PATH"];
  t.after(() => (process.env["PATH"] = path));
  await searchIn("both", { docker: "exit 0", podman: "exit 0" });
  assert.equal(await findEngine(), "docker");
  await searchIn("no-daemon", { docker: "exit 1", podman: "exit 0" });
  assert.equal(await findEngine(), "podman");
  await searchIn("none", {});
  await assert.rejects(findEngine(), { code: "ENGINE_UNREACHABLE" });
});
