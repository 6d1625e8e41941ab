import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { suite, test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { bundleOf, type BundleItem } from "../../test/helpers/bundles.ts";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { BUNDLE_LIMITS, type BundleLimits } from "./bundle-entry.ts";
import { createCodeBundles, type CacheLimits } from "./code-bundles.ts";

const RUN = { project: "p", domain: "d", run: "r" };
const URI = "s3://boxkite/p/d/fast1.tar.gz";
const TGZ = { uri: URI, kind: "tgz" } as const;
const HOUR_MS = 3_600_000;

interface Setup {
  readonly objects?: Record<string, Buffer>;
  readonly bundleLimits?: BundleLimits;
  readonly cacheLimits?: CacheLimits;
}

async function setUp(t: TestContext, { objects = {}, ...limits }: Setup = {}) {
  const directory = join(await temporaryDirectory(t), "code-bundles");
  const { log, lines } = recordingLogger();
  const clock = steppedClock(Date.now());
  const reads: string[] = [];
  const open = () =>
    createCodeBundles({
      directory,
      clock,
      log,
      ...limits,
      findObject: async (uri, { run }) => {
        const content = objects[uri];
        if (content === undefined || run !== RUN.run) return undefined;
        const read = async () => {
          reads.push(uri);
          return Readable.from([content.subarray(0, 10), content.subarray(10)]);
        };
        return { version: String(content.length), read };
      },
    });
  return { directory, bundles: open(), open, lines, clock, reads, objects };
}

function listed(archive: string): string[] {
  return execFileSync("tar", ["-tvf", archive], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => `${line.split(/\s/u)[0]} ${line.replace(/^.*?\d\d:\d\d /u, "")}`);
}

test("a bundle is unpacked, with the files by which the SDKs see that it is there", async (t) => {
  const items: BundleItem[] = [
    { name: "main.py", text: "print(1)" },
    { name: "./pkg/", type: "directory", mode: 0o755 },
    { name: "pkg/tool.sh", text: "run", mode: 0o4755 },
    { name: "pkg/link.sh", type: "symlink", linkname: "tool.sh" },
    { name: "pkg/hard.sh", type: "link", linkname: "pkg/tool.sh" },
    { name: "pkg/up", type: "symlink", linkname: "../main.py" },
  ];
  const { bundles, reads } = await setUp(t, { objects: { [URI]: await bundleOf(items) } });
  const prepared = await bundles.prepare(TGZ, RUN);
  assert.ok(prepared);
  assert.deepEqual(listed(prepared.archive), [
    "-rw-r--r-- main.py",
    "drwxr-xr-x pkg",
    "-rwxr-xr-x pkg/tool.sh",
    "lrw-r--r-- pkg/link.sh -> tool.sh",
    "hrw-r--r-- pkg/hard.sh link to pkg/tool.sh",
    "lrw-r--r-- pkg/up -> ../main.py",
    "-rw-r--r-- fast1.tar.gz",
    "-rw-r--r-- .fast1.tar.gz.extracted",
  ]);
  assert.deepEqual(prepared.top, ["fast1.tar.gz", ".fast1.tar.gz.extracted", "main.py", "pkg"]);
  assert.deepEqual(prepared.directories, [{ name: "pkg", mode: 0o755, isEmpty: false }]);
  assert.deepEqual(await bundles.prepare(TGZ, RUN), prepared);
  assert.deepEqual(reads, [URI], "it is read once");

  const files = (await bundles.unpack(prepared)) ?? [];
  const contents = await Promise.all(
    files.map(async ({ name, path }) => [name, await readFile(path, "utf8")]),
  );
  assert.deepEqual(Object.fromEntries(contents), {
    "main.py": "print(1)",
    "pkg/tool.sh": "run",
    "pkg/link.sh": "run",
    "pkg/hard.sh": "run",
    "pkg/up": "print(1)",
    "fast1.tar.gz": "",
    ".fast1.tar.gz.extracted": "",
  });
  assert.deepEqual(await bundles.unpack(prepared), files);
});

test("a pickle stays as it is, beside its marker", async (t) => {
  const uri = "s3://boxkite/p/d/code.pkl.gz";
  const { bundles } = await setUp(t, { objects: { [uri]: Buffer.from("pickled and more") } });
  const prepared = await bundles.prepare({ uri, kind: "pkl" }, RUN);
  assert.ok(prepared);
  assert.deepEqual(listed(prepared.archive), ["-rw-r--r-- code.pkl.gz", "-rw-r--r-- .code.pkl.gz.done"]);
  const content = execFileSync("tar", ["-xOf", prepared.archive, "code.pkl.gz"], { encoding: "utf8" });
  assert.equal(content, "pickled and more");
});

test("what a run may not read, and what is not there, is left to the task without a warning", async (t) => {
  const { bundles, lines } = await setUp(t, { objects: { [URI]: await bundleOf([{ name: "a" }]) } });
  assert.equal(await bundles.prepare(TGZ, { ...RUN, run: "another" }), undefined);
  assert.equal(await bundles.prepare({ ...TGZ, uri: "s3://boxkite/none.tar.gz" }, RUN), undefined);
  assert.deepEqual(lines, []);
});

test("an object that is replaced is another bundle", async (t) => {
  const { bundles, objects } = await setUp(t, { objects: { [URI]: await bundleOf([{ name: "old.py" }]) } });
  const old = await bundles.prepare(TGZ, RUN);
  objects[URI] = await bundleOf([{ name: "new.py", text: "of another length" }]);
  const replaced = await bundles.prepare(TGZ, RUN);
  assert.ok(old?.top.includes("old.py") === true && replaced?.top.includes("new.py") === true);
  assert.notEqual(old.archive, replaced.archive);
});

test("those who want one bundle at once share the work", async (t) => {
  const { bundles, reads } = await setUp(t, { objects: { [URI]: await bundleOf([{ name: "a" }]) } });
  const all = await Promise.all(Array.from({ length: 20 }, () => bundles.prepare(TGZ, RUN)));
  assert.equal(new Set(all.map((each) => each?.archive)).size, 1);
  assert.equal(reads.length, 1);
});

test("another process finds it; one that a power failure cut is made again", async (t) => {
  const { bundles, open, reads } = await setUp(t, { objects: { [URI]: await bundleOf([{ name: "a" }]) } });
  const prepared = await bundles.prepare(TGZ, RUN);
  assert.ok(prepared);
  assert.deepEqual(await open().prepare(TGZ, RUN), prepared);
  assert.equal(reads.length, 1);
  await truncate(prepared.archive, 512);
  await writeFile(join(dirname(prepared.archive), "bundle.json"), "{");
  assert.deepEqual(await open().prepare(TGZ, RUN), prepared);
  assert.equal((await stat(prepared.archive)).size > 512, true);
  assert.equal(reads.length, 2);
});

suite("what is odd is left to the task, with the reason in the log", () => {
  const link = (name: string, linkname: string): BundleItem => ({ name, type: "symlink", linkname });
  const hard = (name: string, linkname: string): BundleItem => ({ name, type: "link", linkname });
  const REFUSED: Readonly<Record<string, readonly [RegExp, readonly BundleItem[]]>> = {
    "a path that climbs": [/no path inside/u, [{ name: "../evil" }]],
    "a path that climbs in its middle": [/no path inside/u, [{ name: "a/../../evil" }]],
    "an absolute path": [/no path inside/u, [{ name: "/etc/evil" }]],
    "a control character": [/no path inside/u, [{ name: "a\nb" }]],
    "a link to an absolute path": [/may lead out/u, [link("l", "/etc/passwd")]],
    "a link that climbs": [/may lead out/u, [link("a/l", "../../x")]],
    "a link that climbs after another link": [/may lead out/u, [link("h", "a/b"), link("l", "h/../..")]],
    "a link to nothing": [/may lead out/u, [link("l", "")]],
    "a file below a link": [/no directory/u, [link("d", "e"), { name: "d/evil" }]],
    "a link in the place of a folder": [/twice/u, [{ name: "d/x" }, link("d", "e")]],
    "a file below a file": [/no directory/u, [{ name: "d" }, { name: "d/x" }]],
    "a file twice": [/twice/u, [{ name: "d" }, { name: "./d" }]],
    "a hard link that climbs": [/no path inside/u, [hard("l", "../x")]],
    "a hard link to a link": [/no file before it/u, [link("l", "x"), hard("m", "l")]],
    "a hard link to a later file": [/no file before it/u, [hard("m", "x"), { name: "x" }]],
    "a device": [/character-device/u, [{ name: "null", type: "character-device", devmajor: 1, devminor: 3 }]],
    "a pipe": [/fifo/u, [{ name: "pipe", type: "fifo" }]],
    "the marker": [/twice/u, [{ name: ".fast1.tar.gz.extracted" }]],
    "too many entries": [/more than 8 entries/u, Array.from({ length: 9 }, (_, i) => ({ name: `f${i}` }))],
    "too many bytes": [/larger than 1 MiB/u, [{ name: "big", text: "x".repeat(1024 ** 2 + 1) }]],
  };
  for (const [what, [reason, items]] of Object.entries(REFUSED)) {
    test(what, async (t) => {
      const bundleLimits = { bytes: 1024 ** 2, entries: 8 };
      const objects = { [URI]: await bundleOf(items) };
      const { bundles, lines, directory, reads } = await setUp(t, { objects, bundleLimits });
      assert.equal(await bundles.prepare(TGZ, RUN), undefined);
      assert.match(String(lines[0]?.["error"]), reason);
      assert.equal(await bundles.prepare(TGZ, RUN), undefined);
      assert.equal(reads.length, 1, "it is not read again");
      assert.deepEqual(await readdir(directory), [], "nothing is left");
    });
  }

  const broken: Readonly<Record<string, () => Promise<Buffer>>> = {
    "a gzip that is cut": async () => {
      const whole = await bundleOf([{ name: "a", text: String(Array.from({ length: 9_999 }, Math.random)) }]);
      return whole.subarray(0, whole.length / 2);
    },
    "a tar that is cut": async () => gzipSync(Buffer.alloc(700, 1)),
    "no gzip": async () => Buffer.from("<html>not found</html>"),
    "a bomb": async () => gzipSync(Buffer.alloc(BUNDLE_LIMITS.bytes / 8)),
  };
  for (const [what, make] of Object.entries(broken)) {
    test(what, async (t) => {
      const bundleLimits = { bytes: 1024 ** 2, entries: 8 };
      const { bundles, lines, directory } = await setUp(t, {
        objects: { [URI]: await make() },
        bundleLimits,
      });
      assert.equal(await bundles.prepare(TGZ, RUN), undefined);
      assert.equal(lines.length, 1);
      assert.deepEqual(await readdir(directory), []);
    });
  }

  test("a link to nothing, or to a folder, is unpacked in the container but not mounted", async (t) => {
    const items = [{ name: "d/x" }, link("l", "d"), link("m", "later")];
    const { bundles, lines } = await setUp(t, { objects: { [URI]: await bundleOf(items) } });
    const prepared = await bundles.prepare(TGZ, RUN);
    assert.ok(prepared);
    assert.equal(await bundles.unpack(prepared), undefined);
    assert.match(String(lines[0]?.["error"]), /leads to no file/u);
    assert.equal(await bundles.unpack(prepared), undefined);
    assert.equal(lines.length, 1, "it is not tried again");
  });

  test("a URI without the name of a file", async (t) => {
    const uri = "s3://boxkite/..";
    const { bundles, lines } = await setUp(t, { objects: { [uri]: await bundleOf([{ name: "a" }]) } });
    assert.equal(await bundles.prepare({ ...TGZ, uri }, RUN), undefined);
    assert.equal(lines.length, 1);
  });
});

test("what was not used for the longest time goes first, and nothing that was used within two hours", async (t) => {
  const uris = ["a", "b", "c", "d"].map((name) => `s3://boxkite/${name}.tar.gz`);
  const content = await bundleOf([{ name: "f", text: "x".repeat(8_000) }]);
  const { bundles, clock, directory } = await setUp(t, {
    objects: Object.fromEntries(uris.map((uri) => [uri, content])),
    cacheLimits: { bytes: 25_000, unusedMs: 100 * HOUR_MS },
  });
  const prepare = async (index: number) =>
    dirname((await bundles.prepare({ uri: uris[index] ?? "", kind: "tgz" }, RUN))?.archive ?? "");
  const [a, b] = [await prepare(0), await prepare(1)];
  const c = await prepare(2);
  assert.equal((await readdir(directory)).length, 3, "all are in use");
  await clock.step(3 * HOUR_MS);
  await prepare(0);
  const d = await prepare(3);
  const left = async () => (await readdir(directory)).map((name) => join(directory, name)).toSorted();
  assert.deepEqual(await left(), [a, d].toSorted(), `${b} and ${c} are gone`);
  await clock.step(101 * HOUR_MS);
  await mkdir(join(directory, ".unfinished-of-a-killed-process"));
  await bundles.removeUnused();
  assert.deepEqual(await left(), []);
});
