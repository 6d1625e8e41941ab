/** Attempts of a real server in one resident worker: parents and their children, each with its own token and keys. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { startWorker, type TestWorker } from "./helpers/worker.ts";
import * as flyte from "../../src/sdk/index.ts";
import { parent } from "./fixtures/worker-flow.ts";

const FIXTURES = join(import.meta.dirname, "fixtures");

/** A server whose attempts all run in one worker, until it is spoiled. */
async function serve(t: TestContext): Promise<{ worker: TestWorker; taken: string[] }> {
  const worker = await startWorker(t, FIXTURES, "resident", { concurrency: 8 });
  const client = worker.connect();
  const taken: string[] = [];
  const executor = createFakeExecutor(({ spec: { key, args, env }, observer }) => {
    const id = `${key.run}-${key.action}-${key.attempt}`;
    taken.push(id);
    const [program, ...rest] = args;
    assert.equal(program, "a0-ts");
    client.send({ op: "start", id, args: rest, env });
    client.report("exited", id).then(
      ({ code }) => observer.ended({ reason: "exited", exitCode: code, outOfMemory: false }),
      () => undefined,
    );
  });
  const endpointForAttempts = (port: number): string => `127.0.0.1:${port}`;
  const { url } = await startInProcess(t, { ...executor, endpointForAttempts }, { maxParallel: 100 });
  await flyte.init({
    endpoint: url,
    insecure: true,
    project: "flytesnacks",
    domain: "development",
    imageBuilder: "none",
    rootDir: FIXTURES,
  });
  return { worker, taken };
}

const remote = flyte.withRunContext({ copyStyle: "none", version: "1" });

test("a parent and its children share a process, and nothing else", async (t) => {
  const { worker, taken } = await serve(t);
  const [first, second] = await Promise.all([remote.run(parent, { n: 3 }), remote.run(parent, { n: 2 })]);
  const children = ["0 in its run", "1 in its run", "2 in its run"];
  assert.deepEqual(await first.outputs(), [...children, "RangeError: below zero", "6"]);
  assert.deepEqual(await second.outputs(), [...children.slice(0, 2), "RangeError: below zero", "4"]);
  const logs = taken.map((id) => readFileSync(join(worker.directory, "attempts", id, "stdout"), "utf8"));
  const expected = [
    "child -1",
    "child -1",
    "child 0",
    "child 0",
    "child 1",
    "child 1",
    "child 2",
    "parent",
    "parent",
  ];
  assert.deepEqual(
    logs.sort(),
    expected.map((line) => `${line}\n`),
  );
  assert.deepEqual(worker.output, { stdout: "", stderr: "" });
});
