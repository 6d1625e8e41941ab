import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { findFit } from "./find-fit.ts";
import type { ImageProgram, ImageProgramEnd, RunInImage } from "./run-in-image.ts";

const DIRECTORIES = { runtime: "/data/runtime", programs: "/data/programs" };
const PACKAGES = ["flyte", "protobuf", "pydantic", "rich"];
const OLD_PROTOBUF = { package: "protobuf", version: "3.20.3", wanted: "protobuf>=6", by: "flyte" };
const NEEDS_OLD = { package: "protobuf", version: "7.36", wanted: "protobuf<4", by: "tensorflow" };
const NEEDS_OLD_RICH = { package: "rich", version: "15", wanted: "rich<11", by: "typer" };

interface Behaviour {
  /** What check.py finds; undefined where it prints nothing. */
  readonly check?: unknown;
  /** The error of probe.py by mode, null for success; undefined where it prints nothing. */
  readonly probe: Readonly<Record<string, string | null | undefined>>;
}

function image({ check, probe }: Behaviour): { readonly run: RunInImage; readonly programs: ImageProgram[] } {
  const programs: ImageProgram[] = [];
  const run: RunInImage = async (program) => {
    programs.push(program);
    const [path = "", mode = ""] = program.arguments;
    const nonce = program.arguments.at(-1) ?? "";
    const print = (name: string, value: string) =>
      `${nonce}:${name}:${Buffer.from(value).toString("base64")}\n`;
    const end = (stdout: string): ImageProgramEnd => ({ exitCode: 0, stdout, stderr: "" });
    if (path.endsWith("check.py"))
      return end(check === undefined ? "" : print("result", JSON.stringify(check)));
    const error = probe[mode];
    if (error === undefined) return { exitCode: 139, stdout: "", stderr: "Segmentation fault\n" };
    return end(print("bytecode", error === null ? "zip" : "") + print("result", JSON.stringify({ error })));
  };
  return { run, programs };
}

async function fitOf(behaviour: Behaviour) {
  const { run, programs } = image(behaviour);
  const { fit, bytecode } = await findFit({ run, directories: DIRECTORIES, packages: PACKAGES });
  const modes = programs.slice(1).map((program) => program.arguments[1]);
  return { fit, bytecode: bytecode?.toString(), modes, programs };
}

suite("how an image can use the runtime", () => {
  test("without conflicts its own packages count", async () => {
    const { fit, bytecode, modes, programs } = await fitOf({
      check: { flyte: null, conflicts: [], reverse: [NEEDS_OLD] },
      probe: { append: null },
    });
    assert.deepEqual(fit, { kind: "append" });
    assert.equal(bytecode, "zip");
    assert.deepEqual(modes, ["append"]);
    for (const {
      mounts,
      arguments: [path = ""],
    } of programs) {
      assert.deepEqual(
        mounts.map(({ source }) => source),
        ["/data/runtime", "/data/programs"],
      );
      assert.match(path, /^\/run\/boxkite\/python-programs\/\w+\.py$/u);
    }
  });

  test("one with flyte of its own is left alone", async () => {
    const { fit, modes } = await fitOf({ check: { flyte: "2.0.0" }, probe: {} });
    assert.deepEqual(fit, { kind: "has_flyte", version: "2.0.0" });
    assert.deepEqual(modes, []);
  });

  test("what conflicts comes from the runtime, and what that breaks is listed", async () => {
    const { fit } = await fitOf({
      check: { flyte: null, conflicts: [OLD_PROTOBUF], reverse: [NEEDS_OLD, NEEDS_OLD_RICH] },
      probe: { "route=protobuf": null },
    });
    assert.deepEqual(fit, {
      kind: "route",
      packages: ["protobuf"],
      conflicts: [OLD_PROTOBUF],
      broken: [NEEDS_OLD],
    });
  });

  test("a conflict that nobody declares shows in the probe, and then all of the runtime counts", async () => {
    const { fit, modes } = await fitOf({
      check: { flyte: null, conflicts: [OLD_PROTOBUF], reverse: [NEEDS_OLD, NEEDS_OLD_RICH] },
      probe: { "route=protobuf": "TypeError: RichHandler", prepend: null },
    });
    assert.deepEqual(modes, ["route=protobuf", "prepend"]);
    assert.deepEqual(fit, {
      kind: "prepend",
      because: "TypeError: RichHandler",
      conflicts: [OLD_PROTOBUF],
      broken: [NEEDS_OLD, NEEDS_OLD_RICH],
    });
  });

  test("where that fails too, it is refused with the conflicts", async () => {
    const { fit, bytecode } = await fitOf({
      check: { flyte: null, conflicts: [OLD_PROTOBUF], reverse: [NEEDS_OLD] },
      probe: { "route=protobuf": "ImportError: a", prepend: "ImportError: b" },
    });
    assert.deepEqual(fit, {
      kind: "refuse",
      because: "ImportError: b",
      isCertain: true,
      conflicts: [OLD_PROTOBUF],
      broken: [NEEDS_OLD],
    });
    assert.equal(bytecode, undefined);
  });

  test("a check without an answer leaves it to the probe", async () => {
    assert.deepEqual((await fitOf({ probe: { append: null } })).fit, { kind: "append" });
  });

  test("an interpreter that crashes is refused with what it printed", async () => {
    const { fit, modes } = await fitOf({ probe: {} });
    assert.deepEqual(modes, ["append", "prepend"]);
    assert.equal(
      fit.kind === "refuse" && fit.because,
      "the interpreter ended with code 139: Segmentation fault",
    );
  });

  for (const [what, exitCode, because] of [
    ["that took too long", undefined, "the interpreter did not end in time"],
    ["that the kernel killed", 137, "the interpreter ended with code 137"],
  ] as const) {
    test(`a probe ${what} says nothing for certain, and nothing more is tried`, async () => {
      const programs: ImageProgram[] = [];
      const run: RunInImage = async (program) => {
        programs.push(program);
        return { exitCode, stdout: "", stderr: "" };
      };
      const { fit } = await findFit({ run, directories: DIRECTORIES, packages: PACKAGES });
      assert.deepEqual(fit, { kind: "refuse", because, isCertain: false, conflicts: [], broken: [] });
      assert.equal(programs.length, 2);
    });
  }

  for (const error of [
    "MemoryError: ",
    "RuntimeError: can't start new thread (/usr/lib/python3.11/threading.py, line 957)",
    "OSError: [Errno 28] No space left on device: '/tmp/x'",
    "OSError: [Errno 24] Too many open files: '/usr/lib/x.so'",
    "OSError: [Errno 5] Input/output error",
    "BlockingIOError: [Errno 11] Resource temporarily unavailable",
    "ImportError: libx.so: failed to map segment from shared object: Cannot allocate memory",
    'PanicException: called `Result::unwrap()`: Os { code: 11, kind: WouldBlock, message: "…" }',
    "PermissionError: [Errno 13] Permission denied: '/run/boxkite/python-runtime/packages.json'",
  ]) {
    test(`${error} says nothing for certain`, async () => {
      const { fit, modes } = await fitOf({ probe: { append: error } });
      assert.deepEqual([fit.kind === "refuse" && fit.isCertain, modes], [false, ["append"]]);
    });
  }

  test("programs that the interpreter cannot read say nothing for certain", async () => {
    const stderr =
      "python: can't open file '/run/boxkite/python-programs/probe.py': [Errno 13] Permission denied\n";
    const run: RunInImage = async () => ({ exitCode: 2, stdout: "", stderr });
    const { fit } = await findFit({ run, directories: DIRECTORIES, packages: PACKAGES });
    assert.partialDeepStrictEqual(fit, { kind: "refuse", isCertain: false });
  });

  for (const error of ["OSError: [Errno 2] No such file: 'x'", "ImportError: cannot import name 'Memory'"]) {
    test(`${error} is the image's own`, async () => {
      const { fit } = await fitOf({ probe: { append: error, prepend: error } });
      assert.partialDeepStrictEqual(fit, { kind: "refuse", isCertain: true });
    });
  }

  test("packages that the runtime does not have are not asked for", async () => {
    const { fit } = await fitOf({
      check: { flyte: null, conflicts: [{ ...OLD_PROTOBUF, package: "evil" }], reverse: [] },
      probe: { append: null },
    });
    assert.deepEqual(fit, { kind: "append" });
  });

  test("an engine that fails is no fit", async () => {
    const run: RunInImage = async () => Promise.reject(new Error("engine gone"));
    await assert.rejects(findFit({ run, directories: DIRECTORIES, packages: PACKAGES }), /engine gone/u);
  });
});
