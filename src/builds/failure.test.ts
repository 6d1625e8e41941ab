import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { BuildFailed } from "./builder.ts";
import type { ContainerfileStep } from "./instructions.ts";
import { explainFailure } from "./failure.ts";

const STEPS: ContainerfileStep[] = [
  { text: "FROM base", firstLine: 2, lastLine: 2, layer: undefined, title: "the base image" },
  { text: "ENV A=b", firstLine: 3, lastLine: 3, layer: undefined, title: "variables" },
  { text: "RUN one \\\n    two", firstLine: 5, lastLine: 6, layer: 1, title: "layer 1 (commands)" },
];

suite("explainFailure", () => {
  test("names the step by number, by layer or by line, with its last lines", () => {
    for (const at of [{ step: 2 }, { layer: 1 }, { line: 6 }]) {
      const lines = [...Array(30).keys()].map((number) => `line ${number}`);
      const error = explainFailure(new BuildFailed(1, at, lines), STEPS);
      assert.equal(error.code, "IMAGE_BUILD_FAILED");
      assert.match(error.message, /^layer 1 \(commands\) failed\nstep: RUN one \\\n {4}two\nline 10\n/);
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
    ["write /x: no space left on device", /disk is full/],
    ["Could not resolve host: example.invalid", /HTTPS_PROXY/],
    ["boxkite: no python on PATH in this image", /with_env_vars/],
    ["error: command 'gcc' failed: No such file or directory", /build-essential/],
  ];
  for (const [said, hint] of hints) {
    test(said, () => {
      const error = explainFailure(new BuildFailed(1, { step: 2 }, [said]), STEPS);
      assert.match(error.hint ?? "", hint);
    });
  }
});
