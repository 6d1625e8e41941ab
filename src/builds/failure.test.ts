import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { BuildFailed } from "./builder.ts";
import type { ContainerfileStep } from "./instructions.ts";
import { explainFailure } from "./failure.ts";

const STEPS: ContainerfileStep[] = [
  {
    text: "FROM base",
    summary: "FROM base",
    firstLine: 2,
    lastLine: 2,
    layer: undefined,
    title: "the base image",
  },
  { text: "ENV A=b", summary: "ENV A=b", firstLine: 3, lastLine: 3, layer: undefined, title: "variables" },
  {
    text: "RUN one \\\n    two",
    summary: "pip install x",
    firstLine: 5,
    lastLine: 6,
    layer: 1,
    title: "layer 1 (commands)",
  },
];

suite("explainFailure", () => {
  test("names the step by number, by layer or by line, with its last lines", () => {
    for (const at of [{ step: 2 }, { layer: 1 }, { line: 6 }]) {
      const lines = [...Array(30).keys()].map((number) => `line ${number}`);
      const error = explainFailure(new BuildFailed(1, at, lines), STEPS);
      assert.equal(error.code, "IMAGE_BUILD_FAILED");
      assert.match(error.message, /^layer 1 \(commands\) failed\nstep: pip install x\nline 10\n/);
      assert.match(error.message, /line 29$/);
      assert.match(error.hint ?? "", /^Change layer 1/);
    }
  });

  test("a build that failed before any step", () => {
    const error = explainFailure(new BuildFailed(125, undefined, ["Error: x"]), STEPS);
    assert.equal(error.message, "the build failed\nError: x");
  });

  const hints: [string, RegExp][] = [
    ["ERROR: No matching distribution found for x==9", /index has no such version/],
    ["E: Unable to locate package x", /distribution has no such package/],
    ["/bin/sh: 1: cmake: not found", /no such program on its PATH/],
    ["/bin/sh: line 1: cmake: command not found", /no such program on its PATH/],
    ["mkdir: cannot create directory: Permission denied", /read-only or the program is not executable/],
    ["ssl.SSLError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", /SSL_CERT_FILE/],
    ["exit status 137", /killed, most likely for its memory/],
    ["npm error code EUSAGE", /lockfile and package\.json/],
    ["npm ERR! code E404", /has no such package/],
    [
      "sh: 1: husky: not found\nnpm error code 127\nnpm error command sh -c husky",
      /A script of a package failed/,
    ],
    ["npm error code EAI_AGAIN", /could not reach the network/],
    [
      "Temporary failure resolving 'deb.debian.org'\nE: Unable to locate package x",
      /could not reach the network/,
    ],
    [
      "WARNING: Retrying: Failed to establish a new connection\nERROR: No matching distribution found for x==9",
      /could not reach the network/,
    ],
    ["Could not resolve host: example.invalid", /HTTPS_PROXY/],
    ["boxkite: no python on PATH in this image", /with_env_vars/],
    ["error: command 'gcc' failed: No such file or directory", /build-essential/],
  ];
  test("a full disk is the machine's, whoever meets it", () => {
    for (const lines of [
      ["OSError: [Errno 28] No space left on device", "exit status 1"],
      ["Error: committing container for step: writing blob: no space left on device"],
    ]) {
      const error = explainFailure(new BuildFailed(1, { step: 2 }, lines), STEPS);
      assert.deepEqual([error.code, error.kind, error.recoverable], ["ENGINE_FAILED", "system", false]);
      assert.match(error.hint ?? "", /disk is full/);
    }
  });

  const engines: [string, string, RegExp][] = [
    ["Error: checking if cached image exists: layer not known", "ENGINE_FAILED", /Run again/],
    ["Error: committing container for step {Env:[]}: x", "ENGINE_FAILED", /could not store a layer/],
    ["Error: creating build container: x", "ENGINE_FAILED", /could not store a layer/],
    ["Error: fork/exec /usr/bin/runc: resource temporarily unavailable", "ENGINE_FAILED", /lacks memory/],
    ["error during connect: Post http://x: EOF", "ENGINE_UNREACHABLE", /engine stopped during the build/],
    ["Error: runc: unable to apply cgroup configuration", "ENGINE_FAILED", /boxkite doctor/],
  ];
  for (const [said, code, hint] of engines) {
    test(`the engine's own failure: ${said}`, () => {
      const error = explainFailure(new BuildFailed(125, { step: 2 }, ["output", said]), STEPS);
      assert.deepEqual([error.code, error.kind, error.recoverable], [code, "system", true]);
      assert.match(error.hint ?? "", hint);
      assert.equal(error.message, `the engine could not finish the build: ${said}`);
      const printed = explainFailure(new BuildFailed(1, { step: 2 }, [said, "exit status 1"]), STEPS);
      assert.equal(printed.kind, "user");
    });
  }

  for (const [said, hint] of hints) {
    test(said.replaceAll("\n", " "), () => {
      const error = explainFailure(new BuildFailed(1, { step: 2 }, [said]), STEPS);
      assert.match(error.hint ?? "", hint);
    });
  }
});
