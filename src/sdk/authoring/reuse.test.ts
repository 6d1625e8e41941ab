import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeReuse } from "./encode-options.ts";
import { reusePolicyOf, WARM_START_VARIABLE, WARM_STARTS, type ReusePolicy } from "./options.ts";
import { definitionOf } from "./task.ts";
import { encodeTaskSpec } from "./task-spec.ts";
import { parseWarmStart, WARM_START } from "../../domain/warm-start.ts";
import { ReusePolicy_Scope } from "../../wire/gen/flyteidl2/core/tasks_pb.js";
import * as flyte from "../index.ts";

const SETTINGS = {
  org: "",
  project: "p",
  domain: "d",
  version: "1",
  images: { kept: "image:1" },
  imageCache: "",
  bundle: undefined,
  rootDir: import.meta.dirname,
};

test("a policy has the defaults of the Python SDK", () => {
  const complete = {
    replicas: [2, 2],
    concurrency: 1,
    idleTtl: 30_000,
    scaledownTtl: 30_000,
    scope: "global",
  };
  assert.deepEqual(reusePolicyOf({}), complete);
  const encoded = encodeReuse({ replicas: [0, 3], scope: "run", idleTtl: "1m" });
  assert.deepEqual(
    [encoded.minReplicas, encoded.maxReplicas, encoded.concurrency, encoded.scope],
    [0, 3, 1, ReusePolicy_Scope.RUN],
  );
  assert.deepEqual([encoded.idleTtl?.seconds, encoded.scaledownTtl?.seconds], [60n, 30n]);
  assert.equal(encodeReuse({}).scope, ReusePolicy_Scope.GLOBAL);
});

test("a policy that cannot be is refused where the environment is made", () => {
  const refused: readonly (readonly [object, RegExp])[] = [
    [{ scope: "project" }, /scope must be "global" or "run", got "project"/u],
    [{ replicas: -1 }, /minimum of replicas must be a whole number of at least 0, got -1/u],
    [{ replicas: 0 }, /maximum of replicas must be a whole number of at least 1, got 0/u],
    [{ replicas: [0, 0] }, /maximum of replicas must be a whole number of at least 1, got 0/u],
    [{ replicas: [1, 1.5] }, /maximum of replicas/u],
    [{ replicas: [3, 1] }, /the minimum of replicas \(3\) is above the maximum \(1\)/u],
    [{ replicas: [1, 2, 3] }, /a number or \[minimum, maximum\]/u],
    [{ replicas: [1] }, /maximum of replicas/u],
    [{ concurrency: 0 }, /concurrency must be a whole number of at least 1, got 0/u],
    [{ idleTtl: "29s" }, /idleTtl must be at least 30 seconds, got "29s"/u],
    [{ scaledownTtl: 1000 }, /scaledownTtl must be at least 30 seconds, got 1000/u],
  ];
  for (const [reusable, message] of refused) {
    const make = (): unknown =>
      new flyte.TaskEnvironment({ name: "kept", reusable: reusable as ReusePolicy });
    assert.throws(make, message, JSON.stringify(reusable));
  }
});

test("with a concurrency above 1 functions have to be async", () => {
  const make = (concurrency: number): unknown =>
    new flyte.TaskEnvironment({ name: "kept", reusable: { concurrency } }).task(
      { name: "one" },
      () => undefined,
    );
  make(1);
  assert.throws(() => make(2), /task kept\.one: .* async functions only; write async/u);
});

test("how actions may start warm is a variable of the task, which its own variables replace", () => {
  assert.equal(WARM_START_VARIABLE, WARM_START);
  for (const warmStart of WARM_STARTS) assert.notEqual(parseWarmStart(warmStart), undefined, warmStart);
  const env = new flyte.TaskEnvironment({ name: "kept", warmStart: "off", env: { A: "1" } });
  const variablesOf = (own?: Readonly<Record<string, string>>): unknown => {
    const options = {
      name: `task-${env.tasks.length}`,
      module: import.meta.filename,
      ...(own && { env: own }),
    };
    const { taskTemplate } = encodeTaskSpec(definitionOf(env.task(options, async () => undefined)), SETTINGS);
    const target = taskTemplate?.target;
    return target?.case === "container" && target.value.env.map(({ key, value }) => `${key}=${value}`);
  };
  assert.deepEqual(variablesOf(), ["BOXKITE_WARM_START=off", "A=1"]);
  assert.deepEqual(variablesOf({ BOXKITE_WARM_START: "fork" }), ["BOXKITE_WARM_START=fork", "A=1"]);
  assert.throws(
    () => new flyte.TaskEnvironment({ name: "kept", warmStart: "one_shot" as flyte.WarmStart }),
    /warmStart must be one of off, one-shot, fork, got "one_shot"/u,
  );
});
