import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import {
  lockOf,
  makeWheel,
  startIndex,
  type IndexOptions,
  type TestWheel,
} from "../../test/helpers/package-index.ts";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { writeZip } from "../../test/helpers/zip.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import { createFetchWheel, type FetchWheel } from "./fetch-wheel.ts";
import { RuntimeStore } from "./runtime-store.ts";
import type { Variant } from "../domain/python-variant.ts";

const VARIANT: Variant = { python: "3.11", libc: "glibc", arch: "amd64" };
const FLYTE = makeWheel("flyte", [
  { name: "flyte/__init__.py", content: "x = 1\n" },
  { name: "flyte/deep/er/data.txt", content: "data" },
]);
const NATIVE = makeWheel("native", [
  { name: "native.abi3.so", content: "ELF" },
  { name: "native-1.0.data/purelib/shared/part.py", content: "" },
  { name: "native-1.0.data/platlib/shared/fast.cpython-311-x86_64-linux-gnu.so", content: "ELF" },
  { name: "native-1.0.data/scripts/native", content: "#!python" },
  { name: "native-1.0.data/headers/native.h", content: "" },
]);
const WHEELS = [FLYTE, NATIVE];

/** Waits between tries are none; all else is real. */
function impatientClock(waits: number[] = []): Clock {
  return {
    ...systemClock,
    sleep: async (ms) => {
      waits.push(ms);
    },
  };
}

interface Setup {
  readonly wheels?: readonly TestWheel[];
  readonly index?: IndexOptions;
  readonly env?: NodeJS.ProcessEnv;
}

async function setUp(t: TestContext, { wheels = WHEELS, index: options, env }: Setup = {}) {
  const directory = join(await temporaryDirectory(t), "python-runtimes");
  const index = await startIndex(t, wheels, options);
  const waits: number[] = [];
  const fetchWheel = createFetchWheel({ PIP_INDEX_URL: index.url, ...env }, impatientClock(waits));
  const open = (own: FetchWheel = fetchWheel) =>
    new RuntimeStore({
      directory,
      fetchWheel: own,
      clock: systemClock,
      readLock: async () => lockOf(wheels),
    });
  return { directory, index, waits, open, fetchWheel };
}

/** Directories of runtimes, and what is unfinished. */
async function runtimesIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name !== "wheels");
}

async function failureOf(work: Promise<unknown>): Promise<BoxkiteError> {
  const error = await work.then(
    () => undefined,
    (each: unknown) => each,
  );
  assert.ok(error instanceof BoxkiteError, String(error));
  return error;
}

suite("the store of Python runtimes", () => {
  test("a runtime is fetched, unpacked for every user, and described", async (t) => {
    const { directory, open } = await setUp(t);
    const store = open();
    assert.equal(await store.find(VARIANT), undefined);
    const done: number[] = [];
    const runtime = await store.fetch(VARIANT, { onProgress: (progress) => done.push(progress.done) });
    assert.deepEqual(done, [1, 2]);
    assert.match(runtime.name, /^cp311-glibc-amd64-[0-9a-f]{12}$/u);
    assert.equal(runtime.directory, join(directory, runtime.name));
    assert.deepEqual(await runtimesIn(directory), [runtime.name]);
    const packages = join(runtime.directory, "packages");
    const files = (await readdir(packages, { recursive: true, withFileTypes: true })).filter((each) =>
      each.isFile(),
    );
    assert.deepEqual(
      files.map((each) => join(each.parentPath, each.name).slice(packages.length + 1)).toSorted(),
      [
        "flyte-1.0.dist-info/METADATA",
        "flyte/__init__.py",
        "flyte/deep/er/data.txt",
        "native-1.0.dist-info/METADATA",
        "native.abi3.so",
        "shared/fast.cpython-311-x86_64-linux-gnu.so",
        "shared/part.py",
      ],
    );
    const { packages: described } = JSON.parse(
      await readFile(join(runtime.directory, "packages.json"), "utf8"),
    );
    assert.deepEqual(described, {
      flyte: { version: "1.0", modules: ["flyte"] },
      native: { version: "1.0", modules: ["native", "shared.fast", "shared.part"] },
    });
    for (const path of ["", "packages", "packages/flyte/deep/er"])
      assert.equal((await stat(join(runtime.directory, path))).mode & 0o777, 0o755, path);
    for (const path of ["packages.json", "packages/flyte/deep/er/data.txt"])
      assert.equal((await stat(join(runtime.directory, path))).mode & 0o777, 0o644, path);
  });

  test("what is there is not fetched again, by this process or another one", async (t) => {
    const { index, open } = await setUp(t);
    const store = open();
    const first = await store.fetch(VARIANT);
    const requests = index.requests.length;
    assert.deepEqual(await store.fetch(VARIANT), first);
    assert.deepEqual(await open().fetch(VARIANT), first);
    assert.equal(index.requests.length, requests);
  });

  test("a runtime that was removed meanwhile is fetched again", async (t) => {
    const { directory, open } = await setUp(t);
    const store = open();
    const runtime = await store.fetch(VARIANT);
    await rm(directory, { recursive: true });
    assert.equal(await store.find(VARIANT), undefined);
    assert.deepEqual(await store.fetch(VARIANT), runtime);
  });

  test("a mirror may answer in HTML with relative links", async (t) => {
    const { open } = await setUp(t, { index: { html: true } });
    assert.equal((await open().fetch(VARIANT)).flyte, "1.0");
  });

  test("credentials of the address are sent to the index", async (t) => {
    const login = `Basic ${Buffer.from("me:p@ss").toString("base64")}`;
    const index: IndexOptions = {
      instead: ({ headers }) => (headers.authorization === login ? undefined : 401),
    };
    const {
      directory,
      index: { url },
      open,
    } = await setUp(t, { index });
    const fetchWheel = createFetchWheel(
      { UV_INDEX_URL: `company=${url.replace("//", "//me:p%40ss@")}` },
      impatientClock(),
    );
    await open(fetchWheel).fetch(VARIANT);
    const wrong = createFetchWheel({ PIP_INDEX_URL: url.replace("//", "//me:secret@") }, impatientClock());
    await rm(directory, { recursive: true });
    const { message, hint } = await failureOf(open(wrong).fetch(VARIANT));
    assert.doesNotMatch(message, /secret/u);
    assert.match(hint ?? "", /credentials/u);
  });

  test("a fetch that broke off goes on with the next wheel", async (t) => {
    let isBroken = true;
    const instead: IndexOptions["instead"] = ({ url }) =>
      isBroken && url?.endsWith("native/") === true ? 503 : undefined;
    const { directory, index, waits, open } = await setUp(t, { index: { instead } });
    const { code, message, hint } = await failureOf(open().fetch(VARIANT));
    assert.equal(code, "RUNTIME_FETCH_FAILED");
    assert.match(message, /native-1\.0-py3-none-any\.whl .*503/u);
    assert.match(hint ?? "", /PIP_INDEX_URL/u);
    assert.deepEqual(waits, [500, 1_500, 4_500]);
    assert.deepEqual(await runtimesIn(directory), []);
    isBroken = false;
    index.requests.length = 0;
    await open().fetch(VARIANT);
    assert.deepEqual(index.requests, ["/simple/native/", "/files/native-1.0-py3-none-any.whl"]);
  });

  test("a download that is cut off once is tried again", async (t) => {
    let cuts = 1;
    const { open, waits } = await setUp(t, {
      index: {
        instead: ({ url }) =>
          url?.endsWith(".whl") === true && cuts-- > 0 ? FLYTE.content.subarray(10) : undefined,
      },
    });
    await open().fetch(VARIANT);
    assert.deepEqual(waits, [500]);
  });

  test("content that is not that of the lock is never used", async (t) => {
    const other = writeZip([{ name: "flyte/__init__.py", content: "evil" }]);
    const { directory, open } = await setUp(t, {
      index: { instead: ({ url }) => (url?.endsWith(".whl") === true ? other : undefined) },
    });
    const { code, message } = await failureOf(open().fetch(VARIANT));
    assert.equal(code, "RUNTIME_FETCH_FAILED");
    assert.match(message, /SHA-256/u);
    assert.deepEqual(await runtimesIn(directory), []);
  });

  for (const [what, status, hint] of [
    ["a missing project", 404, /PIP_INDEX_URL.*curl/u],
    ["missing credentials", 401, /USER:PASSWORD/u],
    ["a proxy without credentials", 407, /HTTPS_PROXY/u],
  ] as const) {
    test(`${what} is reported at once`, async (t) => {
      const { open, waits } = await setUp(t, { index: { instead: () => status } });
      const error = await failureOf(open().fetch(VARIANT));
      assert.equal(error.code, "RUNTIME_FETCH_FAILED");
      assert.match(error.hint ?? "", hint);
      assert.deepEqual(waits, []);
    });
  }

  test("an index that does not list the file is reported at once", async (t) => {
    const { waits, index } = await setUp(t);
    const lock = lockOf([{ ...FLYTE, file: "flyte-9-py3-none-any.whl" }]);
    const store = new RuntimeStore({
      directory: await temporaryDirectory(t),
      fetchWheel: createFetchWheel({ PIP_INDEX_URL: index.url }, impatientClock(waits)),
      clock: systemClock,
      readLock: async () => lock,
    });
    const { message } = await failureOf(store.fetch(VARIANT));
    assert.match(message, /flyte-9-py3-none-any\.whl .*does not list it/u);
    assert.deepEqual(waits, []);
  });

  for (const [what, name] of [
    ["above its directory", "flyte/../../../outside.py"],
    ["from the root", "/outside.py"],
    ["above its directory through .data", "x-1.0.data/purelib/../../../../outside.py"],
    ["with a backslash", "flyte\\outside.py"],
  ] as const) {
    test(`a wheel with a file ${what} is refused`, async (t) => {
      const { directory, open } = await setUp(t, {
        wheels: [makeWheel("flyte", [{ name, content: "evil" }])],
      });
      const { message } = await failureOf(open().fetch(VARIANT));
      assert.match(message, /flyte-1\.0-py3-none-any\.whl cannot be unpacked: .*outside\.py/u);
      assert.deepEqual(await runtimesIn(directory), []);
    });
  }

  test("a wheel with a symbolic link, and two with one file, are refused", async (t) => {
    const link = makeWheel("flyte", [{ name: "flyte/link", content: "/etc/passwd", mode: 0o120777 }]);
    const linked = await setUp(t, { wheels: [link] });
    assert.match((await failureOf(linked.open().fetch(VARIANT))).message, /symbolic link/u);
    const twice = await setUp(t, {
      wheels: [FLYTE, makeWheel("other", [{ name: "flyte/__init__.py", content: "" }])],
    });
    assert.match((await failureOf(twice.open().fetch(VARIANT))).message, /cannot be unpacked/u);
  });

  test("several processes make one runtime", async (t) => {
    const { directory, open } = await setUp(t);
    const stores = [open(), open(), open()];
    const runtimes = await Promise.all(
      stores.flatMap((store) => [store.fetch(VARIANT), store.fetch(VARIANT)]),
    );
    assert.equal(new Set(runtimes.map((each) => each.directory)).size, 1);
    assert.equal((await runtimesIn(directory)).length, 1);
  });

  test("a runtime that lost a file's content is made again", async (t) => {
    const { directory, open } = await setUp(t);
    const { directory: runtime, name } = await open().fetch(VARIANT);
    const file = join(runtime, "packages/flyte/__init__.py");
    await truncate(file);
    const store = open();
    assert.equal(await store.find(VARIANT), undefined);
    await store.fetch(VARIANT);
    assert.equal(await readFile(file, "utf8"), "x = 1\n");
    assert.deepEqual(await runtimesIn(directory), [name]);
  });

  for (const [what, text] of [
    ["is cut", '{"files":3'],
    ["is full of NULs", "\0".repeat(64)],
    ["is no description", "null"],
  ] as const) {
    test(`a runtime whose description ${what} is made again`, async (t) => {
      const { directory, open } = await setUp(t);
      const { directory: runtime, name } = await open().fetch(VARIANT);
      await writeFile(join(runtime, "packages.json"), text);
      const store = open();
      assert.equal(await store.find(VARIANT), undefined);
      assert.equal((await store.fetch(VARIANT)).name, name);
      assert.deepEqual(await runtimesIn(directory), [name]);
    });
  }

  test("a wheel that the disk changed is fetched again", async (t) => {
    const { directory, index, open } = await setUp(t);
    const { directory: runtime } = await open().fetch(VARIANT);
    await truncate(join(directory, "wheels", `${FLYTE.sha256}.whl`), 10);
    await truncate(join(runtime, "packages.json"));
    index.requests.length = 0;
    await open().fetch(VARIANT);
    assert.deepEqual(index.requests, ["/simple/flyte/", `/files/${FLYTE.file}`]);
  });

  test("what a process left that was killed is removed an hour later", async (t) => {
    const { directory, open } = await setUp(t);
    for (const [name, hours] of [
      [".unfinished-old", 2],
      [".unfinished-new", 0],
    ] as const) {
      await mkdir(join(directory, name), { recursive: true });
      const seconds = Date.now() / 1000 - hours * 3_600;
      await utimes(join(directory, name), seconds, seconds);
    }
    const { name } = await open().fetch(VARIANT);
    assert.deepEqual(await runtimesIn(directory), [".unfinished-new", name]);
  });

  test("runtimes and wheels of an earlier version are removed when nobody used them for a month", async (t) => {
    const { directory, open } = await setUp(t);
    const old = [".unfinished-x", "cp311-glibc-amd64-000000000000", "programs-000000000000"];
    for (const name of old) await mkdir(join(directory, name, "packages"), { recursive: true });
    await mkdir(join(directory, "wheels"));
    await writeFile(join(directory, "wheels/old.whl"), "");
    await mkdir(join(directory, "compiled"));
    const used = join(directory, "cp311-glibc-amd64-111111111111");
    await mkdir(used);
    for (const name of [...old, "wheels/old.whl", "wheels", "compiled"]) {
      const seconds = Date.now() / 1_000 - 31 * 24 * 3_600;
      await utimes(join(directory, name), seconds, seconds);
    }
    const { name } = await open().fetch(VARIANT);
    assert.deepEqual(
      (await readdir(directory)).toSorted(),
      ["compiled", basename(used), name, "wheels"].toSorted(),
    );
    assert.deepEqual(
      (await readdir(join(directory, "wheels"))).toSorted(),
      WHEELS.map(({ sha256 }) => `${sha256}.whl`).toSorted(),
    );
  });

  test("an abort ends it, and leaves nothing", async (t) => {
    const { directory, open } = await setUp(t);
    const stop = new AbortController();
    const reason = new Error("stopped");
    const fetching = open(async (_wheel, signal) => {
      stop.abort(reason);
      signal?.throwIfAborted();
      throw new Error("not aborted");
    }).fetch(VARIANT, { signal: stop.signal });
    await assert.rejects(fetching, reason);
    assert.deepEqual(await runtimesIn(directory), []);
  });

  test("who is aborted does not wait for the fetch of another, which goes on", async (t) => {
    const { open, fetchWheel } = await setUp(t);
    const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const store = open(async (wheel, signal) => {
      begun.resolve();
      await goOn.promise;
      return await fetchWheel(wheel, signal);
    });
    const first = store.fetch(VARIANT);
    await begun.promise;
    const stop = new AbortController();
    const second = store.fetch(VARIANT, { signal: stop.signal });
    stop.abort(new Error("stopped"));
    await assert.rejects(second, /stopped/u);
    goOn.resolve();
    assert.equal((await first).flyte, "1.0");
  });

  for (const [errno, code, hint] of [
    ["ENOSPC", "DISK_FULL", /df -h/u],
    ["EDQUOT", "DISK_FULL", /200 MB/u],
    ["EROFS", "DATA_DIRECTORY_UNUSABLE", /--data/u],
  ] as const) {
    test(`${errno} is reported as such`, async (t) => {
      const { directory, open } = await setUp(t);
      const full = Object.assign(new Error(`${errno}: write`), { code: errno });
      const error = await failureOf(open(async () => Promise.reject(full)).fetch(VARIANT));
      assert.equal(error.code, code);
      assert.ok(error.message.includes(directory));
      assert.match(error.hint ?? "", hint);
    });
  }
});

suite("the address of the index", () => {
  test("one that is none is refused by the variable's name", () => {
    for (const value of ["pypi", "ftp://pypi.org/simple", "/srv/wheels"])
      assert.throws(() => createFetchWheel({ PIP_INDEX_URL: value }, systemClock), /PIP_INDEX_URL/u);
  });

  test("a file of authorities that is not there is named", async (t) => {
    const { open, waits } = await setUp(t, { env: { SSL_CERT_FILE: "/nowhere/ca.pem" } });
    const { message, hint } = await failureOf(open().fetch(VARIANT));
    assert.match(message, /\/nowhere\/ca\.pem/u);
    assert.match(hint ?? "", /SSL_CERT_FILE/u);
    assert.deepEqual(waits, []);
  });
});
