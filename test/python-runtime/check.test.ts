import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { parseCheck } from "../../src/python-runtime/fit-output.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { installPackages, writeFiles, writeRuntime, type FakePackages } from "./fake-runtime.ts";
import { machinePythons } from "./interpreters.ts";

const CHECK = join(import.meta.dirname, "../../src/python-runtime/programs/check.py");
const NONCE = "0123abcd";

/** Names that no package of this machine has. */
const RUNTIME: FakePackages = {
  "x-flyte": {
    version: "2.12.1",
    requires: [
      "x-protobuf>=6.30.1",
      "x_pydantic>=2.10",
      "X.Same>=1",
      "keyring>=25",
      "x-old; python_version < '3'",
      "x-extra; extra == 'tui'",
      "not a requirement at all!",
    ],
  },
  "x-protobuf": { version: "7.36.2" },
  "x-pydantic": { version: "2.14.4", requires: ["x-pydantic-core==2.50.5"] },
  "x-pydantic-core": { version: "2.50.5", requires: ["x-typing>=4.14"] },
  "x-typing": { version: "4.16.0" },
  "x-same": { version: "1.5" },
  "x-old": { version: "2" },
  "x-extra": { version: "2" },
  keyring: { version: "25.7" },
};

suite("the conflicts of an image with the runtime", () => {
  const packaging = execFileSync(stockPython(), ["-c", "import packaging; print(packaging.__path__[0])"], {
    encoding: "utf8",
  }).trim();

  const check = async (t: TestContext, python: string, image: FakePackages, files = {}) => {
    const directory = await temporaryDirectory(t);
    await writeRuntime(join(directory, "runtime"), RUNTIME);
    cpSync(packaging, join(directory, "runtime/packages/packaging"), { recursive: true });
    await installPackages(join(directory, "image"), image);
    await writeFiles(join(directory, "image"), files);
    const { stdout, stderr } = spawnSync(python, ["-B", CHECK, join(directory, "runtime"), NONCE], {
      encoding: "utf8",
      env: { PYTHONPATH: join(directory, "image") },
    });
    const result = parseCheck(stdout, NONCE);
    assert.ok(result, stderr);
    return result;
  };

  for (const { minor, path } of machinePythons()) {
    test(`Python ${minor}: none in an image without packages`, async (t) => {
      const { flyte, conflicts, reverse } = await check(t, path, {});
      assert.deepEqual({ flyte, conflicts, reverse }, { flyte: undefined, conflicts: [], reverse: [] });
    });

    test(`Python ${minor}: a package that is too old, and what its replacement needs`, async (t) => {
      const { conflicts } = await check(t, path, {
        "x-pydantic": { version: "1.10.27" },
        "x-pydantic-core": { version: "0.1" },
        "x-typing": { version: "4.5.0" },
        "x-same": { version: "1.2" },
        "x-protobuf": { version: "7.0rc1" },
      });
      assert.deepEqual(conflicts, [
        { package: "x-pydantic", version: "1.10.27", wanted: "x_pydantic>=2.10", by: "x-flyte" },
        { package: "x-pydantic-core", version: "0.1", wanted: "x-pydantic-core==2.50.5", by: "x-pydantic" },
        { package: "x-typing", version: "4.5.0", wanted: "x-typing>=4.14", by: "x-pydantic-core" },
      ]);
    });
  }

  const python = machinePythons()[0]?.path ?? "";

  test("requirements for other machines and extras, and of what no action loads, do not count", async (t) => {
    const { conflicts } = await check(t, python, {
      "x-old": { version: "1" },
      "x-extra": { version: "1" },
      keyring: { version: "1" },
    });
    assert.deepEqual(conflicts, []);
  });

  test("what the image requires and the runtime's version does not meet", async (t) => {
    const { reverse } = await check(t, python, {
      "x-protobuf": { version: "3.20.3" },
      "x-tensorflow": { version: "2.10", requires: ["x-protobuf<4,>=3.9", "x-same"] },
      "x-fine": { version: "1", requires: ["x-protobuf>=3"] },
      "x-broken-already": { version: "1", requires: ["x-protobuf<3"] },
    });
    assert.deepEqual(reverse, [
      { package: "x-protobuf", version: "7.36.2", wanted: "x-protobuf<4,>=3.9", by: "x-tensorflow" },
    ]);
  });

  test("flyte of the image is found by its metadata", async (t) => {
    assert.equal((await check(t, python, { flyte: { version: "2.0.9" } })).flyte, "2.0.9");
  });

  test("damaged metadata, a version that is none, and an old `packaging` do no harm", async (t) => {
    const files = {
      "damaged-1.dist-info/METADATA": "",
      "empty-1.dist-info/nothing": "",
      "packaging/__init__.py": "raise RuntimeError('old')",
    };
    const { conflicts } = await check(t, python, { "x-protobuf": { version: "unknown" } }, files);
    assert.deepEqual(conflicts, [
      { package: "x-protobuf", version: "unknown", wanted: "x-protobuf>=6.30.1", by: "x-flyte" },
    ]);
  });
});
