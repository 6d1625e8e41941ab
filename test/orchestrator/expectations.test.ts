/** What an executor that keeps workers is told of attempts before they start, and of runs that have ended. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ROOT_ACTION, type RunKey } from "../../src/domain/ids.ts";
import type { ReusePolicy } from "../../src/domain/reuse-policy.ts";
import type { AttemptSpec, ExpectedAttempts } from "../../src/executors/executor.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { until } from "../helpers/until.ts";
import { orchestratorSubject, type MoreOfTask } from "./subject.ts";

/** Requests tell the tasks apart. */
const CHILD = { requests: { cpu: 0.5 } };
const REUSE: ReusePolicy = {
  minReplicas: 1,
  maxReplicas: 2,
  concurrency: 1,
  idleTtlMs: 30_000,
  scaledownTtlMs: 30_000,
  scope: "global",
};

type Rest<Method> = Method extends (spec: AttemptSpec, ...rest: infer Others) => unknown ? Others : never;

async function setUp(t: TestContext, { keepsWorkers = true } = {}) {
  const expected: ExpectedAttempts[] = [];
  const ended: RunKey[] = [];
  const policies: AttemptSpec["reuse"][] = [];
  const fake = createFakeExecutor();
  const executor = {
    ...fake,
    resolveImage: async (reference: string) => ({
      reference,
      pinned: `${reference}@sha256:1`,
      digest: "sha256:1",
      source: "registry" as const,
    }),
    refusal: () => undefined,
    start: ({ reuse, ...spec }: AttemptSpec, ...rest: Rest<typeof fake.start>) => {
      policies.push(reuse);
      return fake.start(spec, ...rest);
    },
    expect: (more: ExpectedAttempts) => void expected.push(more),
    runEnded: (run: RunKey) => void ended.push(run),
    ...(keepsWorkers && { pools: () => [] }),
  };
  const subject = await orchestratorSubject(t, { executor });
  return {
    ...subject,
    ended,
    /** Of the attempts that were started. */
    policies,
    /** Attempts that were expected of this run. */
    ofRun: (run: string): AttemptSpec[] =>
      expected.flatMap(({ attempts = [] }) => attempts).filter(({ key }) => key.run === run),
    runOnce: async (run: string, child: MoreOfTask = CHILD, env: Record<string, string> = {}) => {
      await subject.createRun(run, { env });
      await subject.reached(run, "running");
      await subject.addChild(run, `${run}-child`, ROOT_ACTION, child);
      await subject.reached(run, "running", `${run}-child`);
      fake.end(`${run}-child`);
      await subject.reached(run, "succeeded", `${run}-child`);
      fake.end(ROOT_ACTION);
      await subject.reached(run, "succeeded");
    },
  };
}

test("a run is expected to call what the one before it called, and its end is reported", async (t) => {
  const { runOnce, createRun, reached, ofRun, ended } = await setUp(t);
  await runOnce("r1");
  assert.deepEqual(ofRun("r1"), []);
  await until(async () => ended.length > 0);
  assert.deepEqual(ended[0], { project: "p", domain: "development", run: "r1" });

  await createRun("r2");
  await reached("r2", "running");
  await until(async () => ofRun("r2").length > 0);
  const [spec, ...more] = ofRun("r2");
  assert.deepEqual(more, []);
  assert.deepEqual([spec?.key.action, spec?.image.digest, spec?.requests], ["", "sha256:1", { cpu: 0.5 }]);
  assert.ok(spec?.ownVariables?.includes("ACTION_NAME"));
  assert.ok(!ended.some(({ run }) => run === "r2"));
});

test("after a restart the calls of runs that go on are expected, and attempts that any run may start next", async (t) => {
  const { runOnce, createRun, reached, restart, ofRun, policies } = await setUp(t);
  await runOnce("r1", { ...CHILD, reuse: REUSE });
  assert.deepEqual(
    policies.map((reuse) => reuse?.maxReplicas),
    [undefined, 2],
  );
  await createRun("r2");
  await reached("r2", "running");
  await until(async () => ofRun("r2").length > 0);
  const before = ofRun("r2").length;
  assert.deepEqual(ofRun(""), []);
  await restart();
  await until(async () => ofRun("r2").length > before && ofRun("").length > 0);
  assert.deepEqual(
    ofRun("").map(({ key, requests, reuse }) => [key.project, requests, reuse?.maxReplicas]),
    [["p", { cpu: 0.5 }, 2]],
  );
});

test("at a start nothing is expected with variables that differ from run to run", async (t) => {
  const { runOnce, restart, ofRun } = await setUp(t);
  const reused = { ...CHILD, reuse: REUSE };
  await runOnce("r1", reused, { LOG_LEVEL: "30", DAY: "1" });
  await runOnce("r2", reused, { LOG_LEVEL: "30", DAY: "2" });
  await restart();
  await runOnce("r3", reused, { LOG_LEVEL: "30", DAY: "2" });
  assert.deepEqual(ofRun(""), []);
  await restart();
  await until(async () => ofRun("").length > 0);
  assert.deepEqual(
    ofRun("").map(({ env }) => env["DAY"]),
    ["2"],
  );
});

test("an executor that keeps no workers is told of images only", async (t) => {
  const { runOnce, createRun, reached, ofRun } = await setUp(t, { keepsWorkers: false });
  await runOnce("r1");
  await createRun("r2");
  await reached("r2", "running");
  assert.deepEqual([...ofRun("r2"), ...ofRun("")], []);
});
