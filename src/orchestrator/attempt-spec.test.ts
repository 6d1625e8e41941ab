import assert from "node:assert/strict";
import { test } from "node:test";
import { newTaskState } from "../domain/initial-state.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { EVERYONE } from "../domain/principal.ts";
import type { ReusePolicy } from "../domain/reuse-policy.ts";
import { NO_SETTINGS, type RunRecord } from "../domain/run.ts";
import type { TaskDefinition } from "../domain/task.ts";
import { IMAGE } from "../../test/helpers/resolved-image.ts";
import { makeAttemptSpec } from "./attempt-spec.ts";

const REUSE: ReusePolicy = {
  minReplicas: 0,
  maxReplicas: 2,
  concurrency: 1,
  idleTtlMs: 30_000,
  scaledownTtlMs: 30_000,
  scope: "global",
};
const DEFINITION: TaskDefinition = {
  name: "env.task",
  version: "1",
  shortName: "task",
  type: "python",
  environment: "env",
  image: IMAGE.reference,
  relatedImages: [],
  command: [],
  args: ["a0", "{{.outputPrefix}}"],
  env: { TEAM: "a" },
  requests: {},
  limits: {},
  policy: { userRetries: 0 },
  reads: ["s3://boxkite/p/d/code.tgz"],
};

interface Change {
  readonly task?: Partial<TaskDefinition>;
  readonly env?: Record<string, string>;
  readonly run?: string;
  readonly action?: string;
  readonly attempt?: number;
  /** Of the attempt before. */
  readonly code?: string;
}

function specOf({ task = {}, env = {}, run = "r", action = "a0", attempt = 1, code }: Change = {}) {
  const error = code === undefined ? undefined : { code, message: "", kind: "system", recoverable: true };
  const key = { project: "p", domain: "development", run, action };
  const record = {
    key,
    settings: { ...NO_SETTINGS, env },
    baseUri: `s3://b/${run}`,
    createdAt: 0,
    authority: EVERYONE,
  };
  return makeAttemptSpec({
    run: record as unknown as RunRecord,
    action: {
      key,
      inputUri: `s3://b/${action}`,
      state: { ...newTaskState(0), attempt, error },
    } as unknown as ActionRecord,
    definition: { ...DEFINITION, ...task },
    image: IMAGE,
    access: { _U_EP_OVERRIDE: `host/t/${run}-${action}-${attempt}` },
  });
}

test("what differs between two attempts of a task is among an attempt's own variables", () => {
  const withoutOwn = ({ env, ownVariables = [] }: ReturnType<typeof specOf>) =>
    Object.fromEntries(Object.entries(env).filter(([name]) => !ownVariables.includes(name)));
  const first = specOf();
  const others = [specOf({ run: "other" }), specOf({ action: "a1" }), specOf({ attempt: 2 })];
  for (const other of others) {
    assert.notDeepEqual(other.env, first.env);
    assert.deepEqual(withoutOwn(other), withoutOwn(first));
    assert.deepEqual(other.ownVariables, first.ownVariables);
  }
  assert.partialDeepStrictEqual(withoutOwn(first), { TEAM: "a", _U_USE_ACTIONS: "1" });
  assert.equal(withoutOwn(first)["RUN_NAME"], undefined);
});

test("a task or its run says how its attempts may start, the task last", () => {
  assert.equal(specOf().warmStart, undefined);
  assert.equal(specOf({ env: { BOXKITE_WARM_START: "fork" } }).warmStart, "fork");
  const task = { env: { BOXKITE_WARM_START: "one-shot" } };
  assert.equal(specOf({ env: { BOXKITE_WARM_START: "fork" }, task }).warmStart, "one_shot");
});

test("attempts share workers by environment, version of the code and policy, whatever their task and run", () => {
  const sharesOf = (task: Partial<TaskDefinition> = {}, more: Change = {}) => {
    const { reuse } = specOf({ ...more, task: { reuse: REUSE, ...task } });
    return reuse?.shares;
  };
  const shares = sharesOf();
  assert.equal(sharesOf({ name: "env.other", args: ["a0", "other"] }, { run: "other" }), shares);
  assert.equal(sharesOf({ environment: "" }), shares, "an SDK that does not name the environment");
  for (const change of [
    { environment: "other" },
    { version: "2" },
    { reads: ["s3://boxkite/p/d/other.tgz"] },
    { reuse: { ...REUSE, maxReplicas: 3 } },
  ])
    assert.notEqual(sharesOf(change), shares, JSON.stringify(change));
  assert.equal(specOf().reuse, undefined);
});

test("a black box, and what is switched off, shares and waits with nothing", () => {
  for (const env of [
    { BOXKITE_STRICT_IMAGE: "true", BOXKITE_WARM_START: "fork" },
    { BOXKITE_WARM_START: "off" },
  ]) {
    const { warmStart, reuse } = specOf({ env, task: { reuse: REUSE } });
    assert.deepEqual([warmStart, reuse], ["off", undefined]);
  }
});

test("an action whose worker has ended starts its next attempt alone, whatever its task says", () => {
  for (const [code, expected] of [
    ["WORKER_ENDED", ["off", undefined]],
    ["ENGINE_RESTARTED", ["fork", 2]],
    [undefined, ["fork", 2]],
  ] as const) {
    const env = { BOXKITE_WARM_START: "fork" };
    const { warmStart, reuse } = specOf({ env, task: { reuse: REUSE }, attempt: 2, ...(code && { code }) });
    assert.deepEqual([warmStart, reuse?.maxReplicas], expected);
  }
});
