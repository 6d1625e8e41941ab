import assert from "node:assert/strict";
import { test } from "node:test";
import { parseArguments, UsageError } from "./arguments.ts";

const ENV = {
  _U_RUN_BASE: "s3://b/run",
  _U_ORG_NAME: "local",
  ACTION_NAME: "a0",
  RUN_NAME: "r1",
  FLYTE_INTERNAL_EXECUTION_PROJECT: "p",
  FLYTE_INTERNAL_EXECUTION_DOMAIN: "d",
  FLYTE_ATTEMPT_NUMBER: "2",
};
const TAIL = ["--resolver", "ts", "mod", "tasks.ts", "export", "main"];
const HEAD = ["--inputs", "s3://b/in", "--outputs-path", "s3://b/out", "--version", "v1"];

test("the contract of a0, with what the server fills in", () => {
  const given = parseArguments(
    [
      ...HEAD,
      "--name",
      "{{.actionName}}",
      "--prev-checkpoint",
      '""',
      "--tgz",
      "s3://b/x.tar.gz",
      "--dest",
      ".",
      ...TAIL,
    ],
    ENV,
  );
  assert.equal(given.action, "a0");
  assert.equal(given.attempt, 3);
  assert.equal(given.previousCheckpoint, undefined);
  assert.deepEqual(given.bundle, { uri: "s3://b/x.tar.gz", destination: "." });
  assert.deepEqual([given.modulePath, given.exportName], ["tasks.ts", "main"]);
  assert.equal(given.runStartTime.getTime(), 0, "no start time is the epoch: the same in every attempt");
});

test("short options, values with =, and arguments before the environment", () => {
  const given = parseArguments(
    ["-i", "in", "-o", "out", "-v", "1", "--run-name=other", "--debug", "false", ...TAIL],
    ENV,
  );
  assert.deepEqual([given.inputs, given.outputsPath, given.version, given.run], ["in", "out", "1", "other"]);
});

test("what is missing or unknown is named", () => {
  const cases: [string[], RegExp][] = [
    [TAIL, /--inputs is missing/],
    [
      [...HEAD, "--resolver", "flyte._internal.resolvers.default.DefaultTaskResolver", "mod", "m"],
      /Python tasks are run by a0/,
    ],
    [[...HEAD, "--resolver", "ts", "mod", "m"], /mod <module path> export <name>/],
    [[...HEAD, "--pkl", "x", ...TAIL], /unknown option --pkl/],
    [[...HEAD, "--tgz"], /--tgz needs a value/],
  ];
  for (const [argv, message] of cases) {
    assert.throws(
      () => parseArguments(argv, ENV),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  }
});
