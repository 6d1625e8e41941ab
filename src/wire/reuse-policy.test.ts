import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { assertAuthorsWords } from "../../test/helpers/authors-words.ts";
import { ReusePolicy_Scope, TaskTemplateSchema } from "./gen/flyteidl2/core/tasks_pb.js";
import { TaskSpecSchema } from "./gen/flyteidl2/task/task_definition_pb.js";
import { decodeTaskSpec } from "./task-spec.ts";

const decode = (template: Partial<MessageInitShape<typeof TaskTemplateSchema>>) =>
  decodeTaskSpec(
    create(TaskSpecSchema, {
      taskTemplate: create(TaskTemplateSchema, {
        id: { name: "env.task", version: "1" },
        type: "python",
        target: { case: "container", value: { image: "app:1" } },
        ...template,
      } as MessageInitShape<typeof TaskTemplateSchema>),
    }),
  ).definition;
const seconds = (count: number) => ({ seconds: BigInt(count) });

/** What flyte 2.8 to 2.12.1 write beside the field of its own: flyte.ReusePolicy(replicas=(1, 3), concurrency=2). */
const SPEC: JsonObject = {
  container_image: "app:1",
  backlog_length: null,
  parallelism: 2,
  min_replica_count: 1,
  replica_count: 3,
  ttl_seconds: 120,
  scaledown_ttl_seconds: 45,
};
const actor = (spec: JsonObject | undefined) => ({
  type: "actor",
  custom: { name: "env", version: "abc", type: "actor", ...(spec && { spec }) },
});
const POLICY = {
  minReplicas: 1,
  maxReplicas: 3,
  concurrency: 2,
  idleTtlMs: 120_000,
  scaledownTtlMs: 45_000,
  scope: "global",
};

test("a reuse policy is read from its own field, where the task stays one of its language", () => {
  const reusePolicy = {
    minReplicas: 1,
    maxReplicas: 3,
    concurrency: 2,
    idleTtl: seconds(120),
    scaledownTtl: seconds(45),
    scope: ReusePolicy_Scope.RUN,
  };
  const python = decode({ ...actor({ ...SPEC, replica_count: 9 }), reusePolicy });
  assert.deepEqual([python.type, python.reuse], ["python", { ...POLICY, scope: "run" }]);
  const typescript = decode({ type: "typescript", reusePolicy: { maxReplicas: 1 } });
  assert.deepEqual(
    [typescript.type, typescript.reuse],
    [
      "typescript",
      {
        minReplicas: 0,
        maxReplicas: 1,
        concurrency: 1,
        idleTtlMs: 30_000,
        scaledownTtlMs: 30_000,
        scope: "global",
      },
    ],
  );
  for (const template of [{}, { reusePolicy: {} }]) assert.equal(decode(template).reuse, undefined);
});

test("an SDK that is older than the field says the same by the type and custom", () => {
  assert.deepEqual(decode(actor(SPEC)).reuse, POLICY);
  const { ttl_seconds: _ttl, scaledown_ttl_seconds: _down, ...rest } = SPEC;
  assert.deepEqual(decode(actor({ ...rest, ttl_seconds: null })).reuse, {
    ...POLICY,
    idleTtlMs: 30_000,
    scaledownTtlMs: 30_000,
  });
});

test("a policy that nobody can follow is refused in the words of who wrote it", () => {
  const refused: readonly (readonly [MessageInitShape<typeof TaskTemplateSchema>, RegExp])[] = [
    [actor(undefined), /task env\.task does not say how many containers/u],
    [actor({ ...SPEC, parallelism: "2" }), /no number for concurrency/u],
    [actor({ ...SPEC, replica_count: 0 }), /replicas max 0, and it must be a whole number from 1/u],
    [actor({ ...SPEC, replica_count: 1.5 }), /replicas max 1\.5/u],
    [actor({ ...SPEC, parallelism: 0 }), /concurrency 0/u],
    [actor({ ...SPEC, ttl_seconds: 29 }), /idle_ttl 29 s, and it must be at least 30 s/u],
    [{ reusePolicy: { minReplicas: 1 } }, /replicas max 0, and it must be a whole number from 1/u],
    [{ reusePolicy: { minReplicas: -1, maxReplicas: 1 } }, /replicas min -1/u],
    [{ reusePolicy: { minReplicas: 2, maxReplicas: 1 } }, /replicas min 2, which is more than their max 1/u],
    [{ reusePolicy: { maxReplicas: 1, concurrency: -1 } }, /concurrency -1/u],
    [{ reusePolicy: { maxReplicas: 1, idleTtl: seconds(29) } }, /idle_ttl 29 s/u],
    [{ type: "raw-container", reusePolicy: { maxReplicas: 1 } }, /task env\.task is a container task/u],
    [{ reusePolicy: { maxReplicas: 1, scaledownTtl: seconds(0) } }, /scaledown_ttl 0 s/u],
    [{ reusePolicy: { maxReplicas: 1, idleTtl: seconds(-1) } }, /idle_ttl of task env\.task is -1 s/u],
    [{ reusePolicy: { maxReplicas: 1, scope: 7 as ReusePolicy_Scope } }, /sets scope to 7/u],
  ];
  for (const [template, message] of refused) {
    assert.throws(
      () => decode(template),
      (error) => {
        assertAuthorsWords(error);
        assert.match((error as Error).message, message);
        return true;
      },
    );
  }
});

test("the hint shows a policy in both languages", () => {
  assert.throws(() => decode({ reusePolicy: { minReplicas: 1 } }), {
    hint: /flyte\.ReusePolicy\(replicas=.*TypeScript: \{ replicas: /u,
  });
});
