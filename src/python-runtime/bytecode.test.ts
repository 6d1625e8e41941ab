import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { writeZip, type ZipContent } from "../../test/helpers/zip.ts";
import { systemClock } from "../lib/clock.ts";
import { addBytecode, compiledRuntime } from "./bytecode.ts";
import type { PythonRuntime } from "./runtime-store.ts";

const DAY_MS = 24 * 3_600_000;
const IMAGE = `sha256:${"a".repeat(64)}`;
const COMPILED: ZipContent = { name: "flyte/__pycache__/__init__.cpython-311.pyc", content: "bytecode" };

async function makeRuntime(t: TestContext): Promise<PythonRuntime> {
  const directory = join(await temporaryDirectory(t), "cp311-glibc-amd64-0123");
  await mkdir(join(directory, "packages/flyte"), { recursive: true });
  await writeFile(join(directory, "packages/flyte/__init__.py"), "x = 1\n");
  await writeFile(join(directory, "packages.json"), "{}");
  const variant = { python: "3.11", libc: "glibc", arch: "amd64" } as const;
  return { variant, name: "cp311-glibc-amd64-0123", directory, flyte: "2.12.1", packages: [], bytes: 6 };
}

suite("compiled modules", () => {
  test("of one image are beside the files of the runtime, which is unchanged", async (t) => {
    const runtime = await makeRuntime(t);
    assert.equal(await compiledRuntime(runtime, IMAGE, systemClock), runtime.directory);
    const directory = await addBytecode(runtime, IMAGE, writeZip([COMPILED]), systemClock);
    assert.notEqual(directory, runtime.directory);
    assert.equal(await compiledRuntime(runtime, IMAGE, systemClock), directory);
    assert.equal(await readFile(join(directory, "packages", COMPILED.name), "utf8"), "bytecode");
    const [own, linked] = await Promise.all(
      [runtime.directory, directory].map((each) => stat(join(each, "packages/flyte/__init__.py"))),
    );
    assert.equal(linked?.ino, own?.ino);
    assert.deepEqual(await readdir(join(runtime.directory, "packages/flyte")), ["__init__.py"]);
    for (const path of ["", "packages", "packages/flyte/__pycache__"])
      assert.equal((await stat(join(directory, path))).mode & 0o777, 0o755, path);
  });

  test("of one image are not those of another", async (t) => {
    const runtime = await makeRuntime(t);
    await addBytecode(runtime, IMAGE, writeZip([COMPILED]), systemClock);
    assert.equal(await compiledRuntime(runtime, IMAGE.replace("a", "b"), systemClock), runtime.directory);
  });

  test("several processes may add them", async (t) => {
    const runtime = await makeRuntime(t);
    const archive = writeZip([COMPILED]);
    const added = await Promise.all([1, 2, 3].map(() => addBytecode(runtime, IMAGE, archive, systemClock)));
    assert.equal(new Set(added).size, 1);
    assert.equal((await readdir(join(runtime.directory, "../compiled"))).length, 1);
  });

  test("that nobody used for a month are removed when others are added", async (t) => {
    const runtime = await makeRuntime(t);
    const clock = steppedClock(Date.now());
    const add = (image: string) => addBytecode(runtime, image, writeZip([COMPILED]), clock);
    const [old, used] = [await add("old"), await add("used")];
    await clock.step(20 * DAY_MS);
    assert.equal(await compiledRuntime(runtime, "used", clock), used);
    await clock.step(20 * DAY_MS);
    const added = await add("new");
    assert.deepEqual((await readdir(dirname(old))).toSorted(), [basename(used), basename(added)].toSorted());
    assert.equal(await compiledRuntime(runtime, "old", clock), runtime.directory);
  });

  for (const [what, name] of [
    ["a source", "flyte/__init__.py"],
    ["a new source", "flyte/evil.py"],
    ["a module that the runtime does not have", "flyte/__pycache__/evil.cpython-311.pyc"],
    ["a path that reaches outside", "../../flyte/__pycache__/__init__.cpython-311.pyc"],
    ["a path from the root", "/flyte/__pycache__/__init__.cpython-311.pyc"],
    ["a library", "flyte/fast.so"],
  ] as const) {
    test(`${what} is not taken from an image`, async (t) => {
      const runtime = await makeRuntime(t);
      const directory = await addBytecode(
        runtime,
        IMAGE,
        writeZip([COMPILED, { name, content: "evil" }]),
        systemClock,
      );
      const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((each) =>
        each.isFile(),
      );
      assert.deepEqual(files.map((each) => each.name).toSorted(), [
        "__init__.cpython-311.pyc",
        "__init__.py",
        "packages.json",
      ]);
      assert.equal(await readFile(join(directory, "packages/flyte/__init__.py"), "utf8"), "x = 1\n");
    });
  }

  test("an archive that is none, is empty, has a link or is too large is not used", async (t) => {
    const runtime = await makeRuntime(t);
    const huge = writeZip([COMPILED]);
    huge.writeUInt32LE(65 * 1024 * 1024, huge.lastIndexOf("PK\x01\x02") + 24);
    for (const archive of [
      Buffer.from("zip"),
      writeZip([]),
      writeZip([{ ...COMPILED, mode: 0o120777 }]),
      huge,
    ])
      assert.equal(await addBytecode(runtime, IMAGE, archive, systemClock), runtime.directory);
  });
});
