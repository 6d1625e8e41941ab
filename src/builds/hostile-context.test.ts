/** Archives that try to write outside of the build's folder, to fill the disk, or to confuse what reads them later. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type TestContext, suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { BoxkiteError } from "../domain/errors.ts";
import { CONTEXT_LIMITS } from "./context-limits.ts";
import { unpackContext } from "./context.ts";

type Item = Partial<Header> & { name: string; text?: string | undefined };

async function archive(items: readonly Item[]): Promise<Buffer> {
  const tar = pack();
  for (const { text, ...header } of items) tar.entry(header, text ?? "");
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A folder with a neighbour that no archive may change. */
async function places(t: TestContext) {
  const outer = await mkdtemp(join(tmpdir(), "boxkite-hostile-"));
  t.after(() => rm(outer, { recursive: true, force: true }));
  await mkdir(join(outer, "work/root"), { recursive: true });
  await mkdir(join(outer, "neighbour"));
  return { outer, root: join(outer, "work/root") };
}

/** Everything outside of the folder that was unpacked into. */
async function outside(outer: string): Promise<string[]> {
  const all = await readdir(outer, { recursive: true });
  return all.filter((path) => !path.startsWith("work/root/")).toSorted();
}

const UNTOUCHED = ["neighbour", "work", "work/root"];

/** Of one block, patched: what no well-meaning library writes. */
async function patched(items: readonly Item[], patch: (bytes: Buffer) => void): Promise<Buffer> {
  const bytes = await archive(items);
  patch(bytes);
  // The checksum of the first header, over its bytes with the checksum as spaces.
  bytes.fill(" ", 148, 156);
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
}

const link = (name: string, linkname: string): Item => ({ name, type: "symlink", linkname });
const hard = (name: string, linkname: string): Item => ({ name, type: "link", linkname });
const file = (name: string, text = "x"): Item => ({ name, text });
const folder = (name: string): Item => ({ name, type: "directory" });
const GIB = 1024 ** 3;

const REFUSED: Readonly<Record<string, readonly Item[] | (() => Promise<Buffer>)>> = {
  "a path that climbs": [file("../neighbour/evil")],
  "a path that climbs in its middle": [file("a/../../neighbour/evil")],
  "a folder that climbs": [folder("../evil/")],
  "only dots": [file("..")],
  "an absolute path": [file("/tmp/evil")],
  "an absolute folder": [folder("/tmp/boxkite-evil/")],
  "a long path that climbs": [file(`${"a/../".repeat(60)}../neighbour/evil`)],
  "a link to an absolute path": [link("l", "/etc/passwd")],
  "a link that climbs": [link("l", "../neighbour")],
  "a link that climbs through folders": [folder("a/"), link("a/l", "b/../../../neighbour")],
  "a link through another": [link("here", "."), link("sub/out", "../here/../../neighbour")],
  "a link that climbs by a later one": [link("a/l", "b/../../m/../x"), link("m", ".")],
  "a file below a link": [link("d", "e"), file("d/evil")],
  "a link in the place of a folder": [file("d/x"), link("d", "e")],
  "a hard link that climbs": [hard("l", "../neighbour")],
  "a hard link to an absolute path": [hard("l", "/etc/passwd")],
  "a hard link to a link": [link("l", "x"), hard("m", "l")],
  "a hard link to what is not there": [hard("m", "nothing")],
  "a character device": [{ name: "null", type: "character-device", devmajor: 1, devminor: 3 }],
  "a block device": [{ name: "sda", type: "block-device", devmajor: 8, devminor: 0 }],
  "a FIFO": [{ name: "pipe", type: "fifo" }],
  "a socket": () => patched([file("socket")], (bytes) => bytes.write("s", 156, "latin1")),
  "a sparse file": () => patched([file("sparse")], (bytes) => bytes.write("S", 156, "latin1")),
  "a line break in a name": [file("a\nFROM evil")],
  "a line break in a link": [link("l", "a\nb")],
  "a control character in a name": [file("a\u001b[2Jb")],
  "a backspace in a folder": [folder("a\b/")],
  "a name that is no text": () => patched([file("xxxx")], (bytes) => bytes.set([0xff, 0xfe, 0x80, 0x81], 0)),
  "an empty name": [{ name: "./", type: "file", text: "x" }],
  "a path with too many folders": [file(`${"d/".repeat(300)}x`)],
  "a part of a path that no file system takes": [file("n".repeat(300))],
  "a path that is too long": [file(`${"abcdefghi/".repeat(500)}x`)],
  "a file of 5 GiB": () =>
    patched([file("huge")], (bytes) => bytes.write(`${(5 * GIB).toString(8).padStart(11, "0")}\0`, 124)),
  "a negative size": () => patched([file("negative")], (bytes) => bytes.fill(0xff, 124, 136)),
  "the same file twice": [file("a", "1"), file("a", "2")],
  "the same file, spelled in two ways": [file("a/b", "1"), file("a//./b", "2")],
  "a file in the place of a folder": [file("d/x"), file("d")],
  "a file below a file": [file("d"), file("d/x")],
  "a link to itself": [link("l", "l")],
  "a link that would lead out once a folder is there": [
    link("d/m", "../later"),
    link("l", "d/m/../../neighbour"),
  ],
};

suite("a hostile archive is refused and touches nothing outside", () => {
  for (const [name, hostile] of Object.entries(REFUSED)) {
    test(name, async (t) => {
      const { outer, root } = await places(t);
      const bytes = typeof hostile === "function" ? await hostile() : await archive(hostile);
      const error = await unpackContext(Readable.from(gzipSync(bytes)), root).then(
        () => assert.fail("it was unpacked"),
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof BoxkiteError, String(error));
      assert.ok(["INVALID_ARGUMENT", "LIMIT_EXCEEDED"].includes(error.code), error.message);
      assert.ok(error.hint, `no hint: ${error.message}`);
      assert.ok(error.message.length < 1_000, "the message repeats the whole name");
      // eslint-disable-next-line no-control-regex -- They are what is searched.
      assert.doesNotMatch(error.message, /[\0-\x1f\x7f]/);
      assert.ok(!error.message.includes(outer), "the message tells a path of the server");
      assert.deepEqual(await outside(outer), UNTOUCHED);
    });
  }

  test("two names that differ in case are two files, or are refused where the disk takes them for one", async (t) => {
    const { root } = await places(t);
    await unpackContext(Readable.from(gzipSync(await archive([file("A", "1"), file("a", "2")]))), root);
    assert.deepEqual(
      [await readFile(join(root, "A"), "utf8"), await readFile(join(root, "a"), "utf8")],
      ["1", "2"],
    );
  });

  test("setuid, setgid and sticky bits are dropped, and folders stay readable", async (t) => {
    const { root } = await places(t);
    const items = [
      { name: "s", text: "x", mode: 0o6777 },
      { name: "d/", type: "directory", mode: 0o7000 } as const,
      { name: "d/x", text: "x", mode: 0o2400 },
    ];
    await unpackContext(Readable.from(gzipSync(await archive(items))), root);
    assert.equal((await stat(join(root, "s"))).mode & 0o7777, 0o777);
    assert.equal((await stat(join(root, "d"))).mode & 0o7777, 0o755);
    assert.equal((await stat(join(root, "d/x"))).mode & 0o7777, 0o600);
  });

  test("owners and other attributes of the archive are ignored", async (t) => {
    const { root } = await places(t);
    const pax = { "SCHILY.xattr.security.capability": "x", "SCHILY.xattr.user.a": "b" };
    const items = [{ name: "a", text: "x", uid: 4242, gid: 4242, uname: "root", pax }];
    await unpackContext(Readable.from(gzipSync(await archive(items))), root);
    assert.equal((await stat(join(root, "a"))).uid, process.getuid?.());
  });

  test("a small archive that unpacks to much more is stopped early", async (t) => {
    const { root } = await places(t);
    const limits = { ...CONTEXT_LIMITS, unpackedBytes: 1024 ** 2 };
    // Zeros behind the end of the archive, which no entry accounts for.
    const bomb = gzipSync(Buffer.concat([await archive([file("a")]), Buffer.alloc(400 * 1024 ** 2)]));
    const before = process.memoryUsage.rss();
    await assert.rejects(unpackContext(Readable.from(bomb), root, limits), { code: "LIMIT_EXCEEDED" });
    assert.ok(process.memoryUsage.rss() - before < 300 * 1024 ** 2);
  });

  test("hard links count as the copies that they become", async (t) => {
    const { root } = await places(t);
    const limits = { ...CONTEXT_LIMITS, unpackedBytes: 5000 };
    const bytes = await archive([file("a", "x".repeat(2000)), hard("b", "a"), hard("c", "b")]);
    await assert.rejects(unpackContext(Readable.from(gzipSync(bytes)), root, limits), {
      code: "LIMIT_EXCEEDED",
      message: /at c\)/,
    });
  });

  test("a header that goes on for ever is stopped", async (t) => {
    const { root } = await places(t);
    const long = await patched([file("x")], (bytes) => {
      bytes.write("x", 156, "latin1");
      bytes.write(`${GIB.toString(8).padStart(11, "0")}\0`, 124);
    });
    const endless = Readable.from(
      (function* () {
        yield long;
        for (let n = 0; n < 4096; n++) yield Buffer.alloc(1024 ** 2, "1");
      })(),
    );
    const { createGzip } = await import("node:zlib");
    const before = process.memoryUsage.rss();
    await assert.rejects(unpackContext(endless.pipe(createGzip({ level: 1 })), root), (error) => {
      assert.ok(error instanceof BoxkiteError);
      return ["INVALID_ARGUMENT", "LIMIT_EXCEEDED"].includes(error.code);
    });
    assert.ok(process.memoryUsage.rss() - before < 200 * 1024 ** 2);
  });

  test("what a real tar writes is unpacked", async (t) => {
    const { outer, root } = await places(t);
    const source = join(outer, "neighbour");
    execFileSync(
      "sh",
      ["-c", "mkdir -p d/e && echo 1 > d/e/f && ln -s e/f d/l && ln d/e/f h && ln -s gone dangling"],
      {
        cwd: source,
      },
    );
    const bytes = execFileSync("tar", ["-C", source, "-cf", "-", "."]);
    await unpackContext(Readable.from(gzipSync(bytes)), root);
    assert.deepEqual(
      await Promise.all(["d/e/f", "d/l", "h"].map((name) => readFile(join(root, name), "utf8"))),
      ["1\n", "1\n", "1\n"],
    );
  });
});
