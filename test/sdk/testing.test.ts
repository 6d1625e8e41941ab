/** `boxkite/testing`, as a user's test has it: from the packed package, in a process of its own. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { runProgram, stockPython, succeeded } from "../helpers/stock-sdk.ts";
import { createProject } from "./helpers/package.ts";
import { startServer } from "../../src/sdk/testing/index.ts";

const TASKS = `
import * as flyte from "boxkite";
import { z } from "zod";
const env = new flyte.TaskEnvironment({ name: "mine" });
const remote = flyte.remoteTask("other.task", { inputs: { text: z.string() }, output: z.string() });
export const shout = env.task({ name: "shout", inputs: { text: z.string() }, output: z.string() }, async ({ text }) => text.toUpperCase());
export const both = env.task({ name: "both", inputs: { text: z.string() }, output: z.string() }, async ({ text }) => {
  const approval = await flyte.condition("approve");
  if (!(await approval.wait())) return "no";
  return (await shout({ text })) + (await remote({ text }));
});
`;

const USER_TEST = `
import assert from "node:assert/strict";
import { test } from "node:test";
import * as flyte from "boxkite";
import { runInProcess, startServer } from "boxkite/testing";
import { both, shout } from "./tasks.ts";

test("on a server", async (t) => {
  const server = await startServer({ python: process.env["TEST_PYTHON"] ?? "" });
  t.after(() => server.stop());
  await server.connect();
  const run = await flyte.run(shout, { text: "a" });
  assert.ok(run.url.startsWith(server.url));
  assert.equal(await run.outputs(), "A");
});

test("in process", async () => {
  const { outputs, actions } = await runInProcess(both, { text: "a" }, {
    signals: { approve: true },
    remoteTasks: { "other.task": ({ text }) => text + "!" },
  });
  assert.equal(outputs, "Aa!");
  assert.deepEqual(actions.map(({ taskName, phase }) => taskName + " " + phase), [
    "mine.both running", "mine.shout running", "mine.shout succeeded", "mine.both succeeded",
  ]);
});
`;

test("a user's own tests", async (t) => {
  const project = createProject({ "tasks.ts": TASKS, "user.test.ts": USER_TEST });
  t.after(() => rmSync(project.directory, { recursive: true, force: true }));
  const result = await runProgram(process.execPath, ["--test", "user.test.ts"], {
    cwd: project.directory,
    // A test in a test: without this the inner runner reports to the outer one.
    env: { TEST_PYTHON: stockPython(), NODE_TEST_CONTEXT: undefined },
  });
  assert.match(succeeded(result).stdout, /pass 2/);
});

test("a server that does not start is reported at once, with what it wrote", async () => {
  await assert.rejects(
    startServer({ args: ["--no-such-option"] }),
    /did not start: .*boxkite up has no option --no-such-option/s,
  );
  await assert.rejects(startServer({ timeoutMs: 1 }), /did not start: .*not ready after 1 ms/s);
});
