import assert from "node:assert/strict";
import { lstat, mkdir, readdir, readFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { pack, type Header } from "tar-stream";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { unpackBundle } from "./unpack-bundle.ts";

type Entry = readonly [Partial<Header> & { readonly name: string }, content?: string | Buffer];
const URI = "s3://boxkite/p/d/uploads/fast123.tar.gz";

async function bundleOf(entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack();
  for (const [header, content = ""] of entries) tar.entry(header, content);
  tar.finalize();
  return gzipSync(await buffer(tar), { level: 0 });
}

async function newDirectory(t: TestContext) {
  const parent = await temporaryDirectory(t);
  const directory = join(parent, "source");
  await mkdir(directory);
  return { parent, directory };
}

const failure = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof BoxkiteError &&
  error.code === code &&
  message.test(error.message) &&
  error.hint !== undefined;

test("code is unpacked, and every version of the SDK takes it for unpacked", async (t) => {
  const { parent, directory } = await newDirectory(t);
  const bundle = await bundleOf([
    [{ name: "pkg/mod.py", mode: 0o4400 }, "x = 1"],
    [{ name: "main.py", type: "symlink", linkname: "pkg/mod.py" }],
  ]);
  await unpackBundle(Readable.from([bundle]), URI, directory);
  assert.deepEqual((await readdir(directory)).toSorted(), [
    // From flyte 2.8 on.
    ".fast123.tar.gz.extracted",
    // Before that.
    "fast123.tar.gz",
    "main.py",
    "pkg",
  ]);
  assert.equal(await readFile(join(directory, "main.py"), "utf8"), "x = 1");
  assert.equal((await lstat(join(directory, "pkg/mod.py"))).mode & 0o7777, 0o644, "to be edited");
  assert.deepEqual(await readdir(parent), ["source"], "nothing is left beside it");
});

test("code with links that could lead out is refused", async (t) => {
  const deep = "d/a/".repeat(4);
  const rows: readonly (readonly Entry[])[] = [
    [
      [{ name: "d/keep.py" }, "x"],
      [{ name: "d/a", type: "symlink", linkname: ".." }],
      [{ name: `${deep}x`, type: "symlink", linkname: `${"../".repeat(7)}etc` }],
    ],
    [[{ name: "x", type: "symlink", linkname: "/etc" }]],
    [[{ name: "x", type: "link", linkname: "/etc/passwd" }]],
    [[{ name: "../x" }, "outside"]],
  ];
  for (const entries of rows) {
    const { parent, directory } = await newDirectory(t);
    const bundle = await bundleOf(entries);
    await assert.rejects(
      unpackBundle(Readable.from([bundle]), URI, directory),
      failure("INVALID_ARGUMENT", /^the code s3:\/\/\S+ is not unpacked: it has /u),
    );
    assert.deepEqual(await readdir(parent, { recursive: true }), ["source"]);
  }
});

test("a download that breaks off is an error", async (t) => {
  const bundle = await bundleOf([[{ name: "big.bin" }, Buffer.alloc(200_000, 7)]]);
  const server = createServer((_, response) => {
    response.setHeader("content-length", bundle.length);
    response.write(bundle.subarray(0, 100_000), () => response.socket?.destroy());
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const [content] = (await once(get({ port, host: "127.0.0.1" }), "response")) as [IncomingMessage];
  const { directory } = await newDirectory(t);
  await assert.rejects(
    unpackBundle(content, URI, directory),
    failure("SERVER_UNREACHABLE", /^the connection broke off/u),
  );
});
