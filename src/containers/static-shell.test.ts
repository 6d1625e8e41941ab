import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { extract } from "tar-stream";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import type { EngineApi } from "./api.ts";
import { isStaticProgram, shellOf } from "./static-shell.ts";

/** An ELF header with program headers of these types. */
function program(...types: readonly number[]): Buffer {
  const content = Buffer.alloc(64 + types.length * 56);
  content.write("\x7fELF\x02\x01", "latin1");
  content.writeBigUInt64LE(64n, 32);
  content.writeUInt16LE(56, 54);
  content.writeUInt16LE(types.length, 56);
  types.forEach((type, index) => content.writeUInt32LE(type, 64 + index * 56));
  return content;
}

test("a program is static where it names no loader", async () => {
  assert.equal(isStaticProgram(program(1, 6)), true);
  assert.equal(isStaticProgram(program(1, 3)), false);
  assert.equal(isStaticProgram(program(1).subarray(0, 80)), false);
  assert.equal(isStaticProgram(Buffer.from("#!/bin/sh\n")), false);
  assert.equal(isStaticProgram(await readFile(process.execPath)), false);
});

function engineWith(shells: readonly string[]): EngineApi {
  return {
    onThisMachine: true,
    hasPath: async (_: string, path: string) => shells.includes(path),
  } as unknown as EngineApi;
}

test("the image's own shell is used; a static one is brought in only where it has none", async (t) => {
  const file = join(await temporaryDirectory(t), "busybox");
  await writeFile(file, program(1));
  assert.deepEqual(await shellOf(engineWith(["/bin/sh", "/bin/bash"]), "c"), {
    command: ["/bin/bash"],
  });
  const { command, brought } = await shellOf(engineWith([]), "c", { files: ["/no/such/file", file] });
  assert.equal(brought?.from, file);
  assert.equal(command[0], "/run/boxkite/busybox");
  const entries = new Map<string, number | undefined>();
  for await (const entry of Readable.from([brought.archive]).pipe(extract())) {
    entries.set(entry.header.name, entry.header.mode);
    entry.resume();
  }
  assert.deepEqual(
    [...entries],
    [
      ["run/boxkite", 0o755],
      ["run/boxkite/busybox", 0o555],
      ["run/boxkite/bin", 0o1777],
    ],
  );
});
