import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { lockOf, makeWheel } from "../../test/helpers/package-index.ts";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { writeZip } from "../../test/helpers/zip.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { RuntimeFitter, fitsInMemory, type ImageToFit } from "./runtime-fitter.ts";
import type { RunInImage } from "./run-in-image.ts";
import { RuntimeStore } from "./runtime-store.ts";
import type { Interpreter } from "../domain/python-variant.ts";

const FLYTE = makeWheel("flyte", [{ name: "flyte/__init__.py", content: "" }]);
const INTERPRETER: Interpreter = {
  path: "/opt/venv/bin/python",
  version: "3.11.7",
  libc: "glibc",
  arch: "amd64",
};
const COMPILED = writeZip([{ name: "flyte/__pycache__/__init__.cpython-311.pyc", content: "bytecode" }]);

/** In which flyte does not work. */
function failing(ran: string[], error: string): RunInImage {
  return async ({ arguments: words }) => {
    ran.push(words.join(" "));
    const result = Buffer.from(JSON.stringify({ error })).toString("base64");
    return { exitCode: 0, stdout: `${words.at(-1) ?? ""}:result:${result}\n`, stderr: "" };
  };
}

async function setUp(t: TestContext) {
  const directory = await temporaryDirectory(t);
  const ran: string[] = [];
  const run: RunInImage = async ({ arguments: words }) => {
    ran.push(words.join(" "));
    const nonce = words.at(-1) ?? "";
    const line = (name: string, value: Buffer | string) =>
      `${nonce}:${name}:${Buffer.from(value).toString("base64")}\n`;
    const isCheck = words[0]?.endsWith("check.py") === true;
    const stdout = isCheck
      ? line("result", "{}")
      : line("bytecode", COMPILED) + line("result", '{"error":null}');
    return { exitCode: 0, stdout, stderr: "" };
  };
  const store = new RuntimeStore({
    directory,
    fetchWheel: async () => FLYTE.content,
    clock: systemClock,
    readLock: async () => lockOf([FLYTE]),
  });
  const image: ImageToFit = { digest: "sha256:a", interpreter: INTERPRETER, run };
  const records = fitsInMemory();
  return {
    ran,
    image,
    open: () => new RuntimeFitter({ store, directory, records, clock: systemClock, log: silentLogger }),
  };
}

suite("the start of an image", () => {
  test("has its interpreter, the programs, and the runtime with the modules that it compiled", async (t) => {
    const { image, open } = await setUp(t);
    const fitted = await open().fit(image);
    assert.deepEqual(fitted?.fit, { kind: "append" });
    assert.match(fitted.runtime, /^cp311-glibc-amd64-/u);
    const { interpreter, mounts, arguments: words } = fitted.start ?? {};
    assert.equal(interpreter, INTERPRETER.path);
    assert.deepEqual(words?.slice(1), ["append", "/run/boxkite/python-runtime"]);
    const [runtime = "", programs = ""] = mounts?.map(({ source }) => source) ?? [];
    assert.ok(existsSync(join(runtime, "packages/flyte/__pycache__/__init__.cpython-311.pyc")));
    assert.ok(existsSync(join(programs, "boot.py")));
  });

  test("is found out once, for actions that start at once and for those of a later process", async (t) => {
    const { ran, image, open } = await setUp(t);
    const fitter = open();
    const fitted = await Promise.all([1, 2, 3].map(() => fitter.fit(image)));
    assert.deepEqual(await open().fit(image), fitted[0]);
    assert.equal(ran.length, 2);
    await fitter.fit({ ...image, digest: "sha256:b" });
    assert.equal(ran.length, 4);
    await fitter.fit({ ...image, interpreter: { ...INTERPRETER, path: "/usr/bin/python3" } });
    assert.equal(ran.length, 6);
  });

  test("is proved again where its compiled modules were removed, once for a process", async (t) => {
    const { ran, image, open } = await setUp(t);
    const fitted = await open().fit(image);
    const compiled = fitted?.start?.mounts[0]?.source ?? "";
    await rm(compiled, { recursive: true });
    const fitter = open();
    assert.deepEqual(await fitter.fit(image), fitted);
    assert.ok(existsSync(compiled));
    assert.equal(ran.length, 4);
    await rm(compiled, { recursive: true });
    assert.deepEqual((await fitter.fit(image))?.fit, fitted?.fit);
    assert.equal(ran.length, 4);
  });

  test("is none where there is no runtime for the interpreter", async (t) => {
    const { ran, image, open } = await setUp(t);
    const interpreter = { ...INTERPRETER, version: "3.9.18" };
    assert.equal(await open().fit({ ...image, interpreter }), undefined);
    assert.deepEqual(ran, []);
  });

  test("is not remembered where the machine had no time for it", async (t) => {
    const { ran, image, open } = await setUp(t);
    const fitter = open();
    const run: RunInImage = async () => ({ exitCode: undefined, stdout: "", stderr: "" });
    assert.partialDeepStrictEqual(await fitter.fit({ ...image, run }), {
      fit: { kind: "refuse", isCertain: false },
      start: undefined,
    });
    assert.deepEqual((await fitter.fit(image))?.fit, { kind: "append" });
    assert.equal(ran.length, 2);
  });

  test("is refused as long as the process lives, and tried again by the next one", async (t) => {
    const { ran, image, open } = await setUp(t);
    const fitter = open();
    const refused = { ...image, run: failing(ran, "ImportError: x") };
    const refusal = { fit: { kind: "refuse", isCertain: true }, start: undefined };
    assert.partialDeepStrictEqual(await fitter.fit(refused), refusal);
    const tried = ran.length;
    assert.partialDeepStrictEqual(await fitter.fit(image), refusal);
    assert.equal(ran.length, tried);
    assert.deepEqual((await open().fit(image))?.fit, { kind: "append" });
  });

  for (const error of ["ImportError: x", "MemoryError: "]) {
    test(`stays what was proved, also where only its modules were to be compiled: ${error}`, async (t) => {
      const { ran, image, open } = await setUp(t);
      const fitted = await open().fit(image);
      await rm(fitted?.start?.mounts[0]?.source ?? "", { recursive: true });
      const fitter = open();
      for (const _again of [1, 2]) {
        const again = await fitter.fit({ ...image, run: failing(ran, error) });
        assert.deepEqual([again?.fit, again?.start?.arguments], [fitted?.fit, fitted?.start?.arguments]);
      }
      await rm(fitted?.start?.mounts[0]?.source ?? "", { recursive: true, force: true });
      assert.deepEqual((await open().fit(image))?.fit, fitted?.fit);
    });
  }

  test("is not waited for by an attempt that is stopped while another one finds it out", async (t) => {
    const { ran, image, open } = await setUp(t);
    const fitter = open();
    const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const run: RunInImage = async (program) => {
      begun.resolve();
      await goOn.promise;
      return await image.run(program);
    };
    const first = fitter.fit({ ...image, run });
    await begun.promise;
    const stop = new AbortController();
    const second = fitter.fit(image, { signal: stop.signal });
    stop.abort(new Error("stopped"));
    await assert.rejects(second, /stopped/u);
    goOn.resolve();
    assert.deepEqual((await first)?.fit, { kind: "append" });
    assert.equal(ran.length, 2);
  });

  test("is not remembered where the engine failed", async (t) => {
    const { ran, image, open } = await setUp(t);
    const fitter = open();
    const run: RunInImage = async () => Promise.reject(new Error("engine gone"));
    await assert.rejects(fitter.fit({ ...image, run }), /engine gone/u);
    assert.deepEqual((await fitter.fit(image))?.fit, { kind: "append" });
    assert.equal(ran.length, 2);
  });
});
