import assert from "node:assert/strict";
import { lstat, mkdir, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { pack, type Header } from "tar-stream";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { unpackTar } from "./unpack-tar.ts";

type Entry = readonly [Partial<Header> & { readonly name: string }, content?: string];
const LIMITS = { bytes: 1_000, entries: 10 };

async function unpack(t: TestContext, entries: readonly Entry[], strip = 0, limits = LIMITS) {
  const parent = await temporaryDirectory(t);
  const directory = join(parent, "source");
  await mkdir(directory);
  const tar = pack();
  for (const [header, content = ""] of entries) tar.entry(header, content);
  tar.finalize();
  const unpacked = await unpackTar(Readable.from(tar), directory, { limits, strip, reserved: ["note"] });
  return { parent, directory, unpacked };
}

test("files, directories and links inside are unpacked, for every user to read", async (t) => {
  const { directory, unpacked } = await unpack(t, [
    [{ name: "./", type: "directory" }],
    [{ name: "pkg/mod.py", mode: 0o4700 }, "x = 1"],
    [{ name: "main.py", type: "symlink", linkname: "pkg/mod.py" }],
  ]);
  assert.deepEqual(unpacked, { entries: ["pkg", "main.py"], incomplete: [] });
  assert.equal(await readFile(join(directory, "main.py"), "utf8"), "x = 1");
  assert.equal((await lstat(join(directory, "pkg/mod.py"))).mode & 0o7777, 0o744);
});

test("nothing is written outside, and not through a link", async (t) => {
  const { parent, directory, unpacked } = await unpack(t, [
    [{ name: "/etc/absolute" }, "no"],
    [{ name: "../outside" }, "no"],
    [{ name: "a/../../outside" }, "no"],
    [{ name: "up", type: "symlink", linkname: ".." }],
    [{ name: "up/through" }, "below a folder of the same name"],
    [{ name: "venv/python", type: "symlink", linkname: "/usr/bin/python3" }],
    [{ name: "venv/hard", type: "link", linkname: "/etc/passwd" }],
    [{ name: "device", type: "character-device" }],
  ]);
  assert.deepEqual(await readdir(parent), ["source"]);
  assert.deepEqual(unpacked.incomplete.toSorted(), ["a", "device", "up", "venv"]);
  assert.deepEqual(await readdir(directory, { recursive: true }), []);
});

test("no link gets its name through another link", async (t) => {
  const { directory, unpacked } = await unpack(t, [
    [{ name: "d/keep.py" }, "x"],
    [{ name: "d/a", type: "symlink", linkname: ".." }],
    [{ name: "d/a/d/a/x", type: "symlink", linkname: "../../../../etc" }],
    [{ name: "d/a/made/", type: "directory" }],
    [{ name: "note" }, "of the image"],
  ]);
  assert.deepEqual(
    [await readdir(directory), (await readdir(join(directory, "d"))).toSorted()],
    [["d"], ["a", "keep.py"]],
  );
  assert.equal(await readlink(join(directory, "d/a")), "..");
  assert.deepEqual(unpacked.incomplete.toSorted(), ["d", "note"]);
});

test("the folder that an engine puts around a directory is taken off", async (t) => {
  const { unpacked } = await unpack(
    t,
    [
      [{ name: "app/", type: "directory" }],
      [{ name: "app/x" }, "1"],
      [{ name: "app/y", type: "link", linkname: "app/x" }],
    ],
    1,
  );
  assert.deepEqual(unpacked, { entries: ["x", "y"], incomplete: [] });
});

test("what is too large or too many is refused", async (t) => {
  const refused = (error: unknown) =>
    error instanceof BoxkiteError && error.code === "LIMIT_EXCEEDED" && error.hint !== undefined;
  await assert.rejects(unpack(t, [[{ name: "x" }, "y".repeat(1_001)]]), refused);
  await assert.rejects(unpack(t, [[{ name: "x" }], [{ name: "y" }]], 0, { bytes: 9, entries: 1 }), refused);
});
