import assert from "node:assert/strict";
import { join } from "node:path";
import { suite, test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { runProgram, succeeded } from "../../../test/helpers/stock-sdk.ts";
import { variantName, VARIANTS } from "../../domain/python-variant.ts";
import { chooseVariants } from "./choose-variants.ts";

const choose = (values: Readonly<Record<string, string | boolean>>, arch = "x64") =>
  chooseVariants({ values, positionals: ["fetch"], env: {} }, arch).map(variantName);

suite("the runtimes that are fetched", () => {
  test("those of this machine with glibc, unless more is named", () => {
    const own = ["cp310", "cp311", "cp312", "cp313", "cp314"];
    assert.deepEqual(
      choose({}),
      own.map((python) => `${python}-glibc-amd64`),
    );
    assert.deepEqual(
      choose({}, "arm64"),
      own.map((python) => `${python}-glibc-arm64`),
    );
    assert.deepEqual(choose({ python: "3.11" }), ["cp311-glibc-amd64"]);
    assert.deepEqual(choose({ python: "3.11", libc: "musl", arch: "arm64" }), ["cp311-musl-arm64"]);
  });

  test("with --all, every kind that is not named", () => {
    assert.equal(choose({ all: true }).length, VARIANTS.length);
    assert.deepEqual(choose({ all: true, python: "3.14", arch: "arm64" }), [
      "cp314-glibc-arm64",
      "cp314-musl-arm64",
    ]);
  });

  test("what there is not is refused by its option", () => {
    assert.throws(() => choose({ python: "3.9" }), {
      code: "CONFIG_INVALID",
      message: /--python is "3\.9".*3\.10, 3\.11/u,
    });
    assert.throws(() => choose({ libc: "gnu" }), /--libc is "gnu"; it must be one of glibc, musl/u);
    assert.throws(() => choose({ arch: "x86_64" }), /--arch/u);
  });
});

const MAIN = join(import.meta.dirname, "../main.ts");

test("the list has all, and a fetch that fails says of what and what to do", async (t) => {
  const cwd = await temporaryDirectory(t);
  const run = (...args: string[]) =>
    runProgram(process.execPath, [MAIN, "runtime", ...args, "--data", join(cwd, "data")], {
      cwd,
      env: { PIP_INDEX_URL: "http://127.0.0.1:9/simple", HTTPS_PROXY: undefined },
    });
  const { stdout } = succeeded(await run("list", "--json"));
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { variant: string; bytes: null });
  assert.deepEqual(
    rows.map(({ variant }) => variant),
    VARIANTS.map(variantName),
  );
  assert.ok(rows.every(({ bytes }) => bytes === null));
  const { code, stderr } = await run("fetch", "--python", "3.11");
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error RUNTIME_FETCH_FAILED: .* from http:\/\/127\.0\.0\.1:9\/simple\/ failed: .*\ntry: /u,
  );
});
