import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type TestContext, suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { CONTEXT_LIMITS } from "./context-limits.ts";
import { unpackContext } from "./context.ts";

type Item = Partial<Header> & { name: string; text?: string };

async function archive(items: readonly Item[]): Promise<Buffer> {
  const tar = pack();
  for (const { text, ...header } of items) tar.entry(header, text ?? "");
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return gzipSync(Buffer.concat(chunks));
}

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "boxkite-context-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, "root"));
  return join(folder, "root");
}

async function unpack(t: TestContext, items: readonly Item[], limits = CONTEXT_LIMITS) {
  const folder = await folderFor(t);
  const context = await unpackContext(Readable.from(await archive(items)), folder, limits);
  return { folder, context };
}

suite("unpackContext", () => {
  test("files, folders, modes and digests", async (t) => {
    const { folder, context } = await unpack(t, [
      { name: "a/", type: "directory" },
      { name: "./a/run.sh", text: "#!/bin/sh\n", mode: 0o755 },
      { name: "b.txt", text: "b" },
    ]);
    assert.equal(await readFile(join(folder, "b.txt"), "utf8"), "b");
    assert.equal((await stat(join(folder, "a/run.sh"))).mode & 0o777, 0o755);
    assert.equal(context.digestOf("nothing"), undefined);
    assert.equal(context.digestOf("a"), context.digestOf("./a/"));
    assert.equal(context.digestOf("."), context.digest);
  });

  test("the digest tells contents and names, not order or time", async (t) => {
    const one = await unpack(t, [
      { name: "a", text: "1", mtime: new Date(0) },
      { name: "b", text: "2" },
    ]);
    const two = await unpack(t, [
      { name: "b", text: "2" },
      { name: "a", text: "1", mtime: new Date(1e12) },
    ]);
    const other = await unpack(t, [
      { name: "a", text: "2" },
      { name: "b", text: "1" },
    ]);
    assert.equal(one.context.digest, two.context.digest);
    assert.notEqual(one.context.digest, other.context.digest);
  });

  const refused: [string, Item[], RegExp][] = [
    ["a path that climbs", [{ name: "a/../../evil", text: "x" }], /"a\/\.\.\/\.\.\/evil", which leads out/],
    ["an absolute path", [{ name: "/etc/evil", text: "x" }], /"\/etc\/evil", which leads out/],
    ["a link to an absolute path", [{ name: "l", type: "symlink", linkname: "/etc" }], /l, a link to \/etc/],
    [
      "a link that climbs",
      [{ name: "d/l", type: "symlink", linkname: "../../x" }],
      /d\/l, a link to \.\.\/\.\.\/x/,
    ],
    [
      "a hard link that climbs",
      [{ name: "l", type: "link", linkname: "../x" }],
      /"\.\.\/x", which leads out/,
    ],
    ["a device", [{ name: "null", type: "character-device" }], /null, a character-device/],
  ];
  for (const [name, items, message] of refused) {
    test(`${name} is refused`, async (t) => {
      await assert.rejects(unpack(t, items), { code: "INVALID_ARGUMENT", message });
    });
  }

  test("a link that leads out through another link is refused", async (t) => {
    const folder = await folderFor(t);
    const items: Item[] = [
      { name: "here", type: "symlink", linkname: "." },
      { name: "sub/out", type: "symlink", linkname: "../here/../sibling" },
    ];
    await mkdir(join(folder, "../sibling"));
    await assert.rejects(unpackContext(Readable.from(await archive(items)), folder), {
      message: /sub\/out, a link to/,
    });
  });

  test("nothing is written through a link", async (t) => {
    const items: Item[] = [
      { name: "d", type: "symlink", linkname: "e" },
      { name: "d/file", text: "x" },
    ];
    await assert.rejects(unpack(t, items), { code: "INVALID_ARGUMENT" });
  });

  test("too many bytes, too many entries", async (t) => {
    const items: Item[] = [{ name: "a", text: "x".repeat(3000) }, { name: "b" }, { name: "c" }];
    const code = "LIMIT_EXCEEDED";
    await assert.rejects(unpack(t, items, { ...CONTEXT_LIMITS, unpackedBytes: 2000 }), {
      code,
      message: /at a\)/,
    });
    await assert.rejects(unpack(t, items, { ...CONTEXT_LIMITS, entries: 2 }), {
      code,
      message: /more than 2 entries/,
    });
    const folders: Item[] = ["d", "e", "f"].map((name) => ({ name, type: "directory" }));
    await assert.rejects(unpack(t, folders, { ...CONTEXT_LIMITS, entries: 2 }), { code });
    const links: Item[] = ["l", "m", "n"].map((name) => ({ name, type: "symlink", linkname: "a" }));
    await assert.rejects(unpack(t, links, { ...CONTEXT_LIMITS, entries: 2 }), { code });
    await assert.rejects(unpack(t, items, { ...CONTEXT_LIMITS, archiveBytes: 20 }), {
      code,
      message: /uploaded/,
    });
  });

  test("what is no archive is said to be none", async (t) => {
    const folder = await folderFor(t);
    await assert.rejects(unpackContext(Readable.from(Buffer.from("not gzip")), folder), {
      code: "INVALID_ARGUMENT",
      message: /cannot be unpacked/,
    });
    assert.deepEqual(await readdir(folder), []);
  });
});
