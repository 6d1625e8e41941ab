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

function engineWithout(shells: readonly string[], puts: Buffer[]): EngineApi {
  return {
    onThisMachine: true,
    hasPath: async (_: string, path: string) => shells.includes(path),
    putArchive: async (_: string, tar: Buffer) => void puts.push(tar),
  } as unknown as EngineApi;
}

test("the image's own shell is used; a static one is brought in only where it has none", async (t) => {
  const file = join(await temporaryDirectory(t), "busybox");
  await writeFile(file, program(1));
  const puts: Buffer[] = [];
  assert.deepEqual(await shellOf(engineWithout(["/bin/sh", "/bin/bash"], puts), "c"), {
    command: ["/bin/bash"],
  });
  assert.equal(puts.length, 0);
  const brought = await shellOf(engineWithout([], puts), "c", { files: ["/no/such/file", file] });
  assert.equal(brought.broughtFrom, file);
  assert.equal(brought.command[0], "/run/boxkite/busybox");
  const entries = new Map<string, number | undefined>();
  for await (const entry of Readable.from(puts).pipe(extract())) {
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
