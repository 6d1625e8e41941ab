import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { AttemptFiles } from "./attempt-files.ts";
import { HeldInWorker } from "./held-in-worker.ts";

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
