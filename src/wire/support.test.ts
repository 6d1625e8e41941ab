import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescMessage } from "@bufbuild/protobuf";
import {
  ContainerSchema,
  ExtendedResourcesSchema,
  TaskMetadataSchema,
  TaskTemplateSchema,
} from "./gen/flyteidl2/core/tasks_pb.js";
import { ActionSchema, EnqueueRequestSchema } from "./gen/flyteidl2/actions/actions_service_pb.js";
import { DeliveryConfigTemplateSchema } from "./gen/flyteidl2/notification/definition_pb.js";
import { TaskActionSchema } from "./gen/flyteidl2/workflow/run_definition_pb.js";
import {
  CacheConfigSchema,
  CacheLookupScope,
  InlineRuleListSchema,
  InlineRuleSchema,
  RunSpecSchema,
} from "./gen/flyteidl2/task/run_pb.js";
import { TaskSpecSchema } from "./gen/flyteidl2/task/task_definition_pb.js";
import { CreateRunRequestSchema } from "./gen/flyteidl2/workflow/run_service_pb.js";
import { requireSupported, SUPPORT } from "./support.ts";

const SCHEMAS: readonly DescMessage[] = [
  EnqueueRequestSchema,
  ActionSchema,
  TaskActionSchema,
  CreateRunRequestSchema,
  RunSpecSchema,
  InlineRuleListSchema,
  InlineRuleSchema,
  DeliveryConfigTemplateSchema,
  CacheConfigSchema,
  TaskSpecSchema,
  TaskTemplateSchema,
  TaskMetadataSchema,
  ContainerSchema,
  ExtendedResourcesSchema,
];

test("the table speaks of every field there is, and of no other", () => {
  assert.deepEqual(Object.keys(SUPPORT).toSorted(), SCHEMAS.map((schema) => schema.typeName).toSorted());
  for (const schema of SCHEMAS) {
    assert.deepEqual(
      Object.keys(SUPPORT[schema.typeName] ?? {}).toSorted(),
      schema.fields.map((field) => field.name).toSorted(),
      schema.typeName,
    );
  }
});

test("a field that is not acted on is refused by its path", () => {
  const spec = create(RunSpecSchema, { clusterPool: "gpu" });
  assert.throws(() => requireSupported(RunSpecSchema, spec), /RunSpec\.cluster_pool is set/);
  const request = create(CreateRunRequestSchema, { runSpec: spec });
  assert.throws(
    () => requireSupported(CreateRunRequestSchema, request),
    /CreateRunRequest\.run_spec\.cluster_pool/,
  );
});

test("an enqueued child is held to the table as well", () => {
  const request = create(EnqueueRequestSchema, {
    action: { recoveredFrom: { name: "a0" } },
  });
  assert.throws(
    () => requireSupported(EnqueueRequestSchema, request),
    /EnqueueRequest\.action\.recovered_from is set/,
  );
  requireSupported(EnqueueRequestSchema, create(EnqueueRequestSchema, { action: { inputUri: "s3://b/i" } }));
});

test("what is in a list is held to the table too, and named by its place", () => {
  const email = create(DeliveryConfigTemplateSchema, { email: { to: [{ address: "a@example.org" }] } });
  const delivery = { case: "deliveryTemplate" as const, value: email };
  const rules = create(InlineRuleListSchema, { rules: [{}, { delivery }] });
  const spec = create(RunSpecSchema, { notificationSettings: { case: "notificationRules", value: rules } });
  assert.throws(
    () => requireSupported(RunSpecSchema, spec),
    /RunSpec\.notification_rules\.rules\[1\]\.delivery_template\.email is set/,
  );
});

test("empty messages and default values ask for nothing", () => {
  const spec = create(RunSpecSchema, {
    labels: {},
    envs: { values: [{ key: "LOG_LEVEL", value: "30" }] },
    securityContext: {},
    cacheConfig: { cacheLookupScope: CacheLookupScope.GLOBAL },
    interruptible: false,
    overwriteCache: false,
  });
  requireSupported(RunSpecSchema, spec);
});

test("a field with only some values names them", () => {
  const spec = create(RunSpecSchema, { interruptible: true });
  assert.throws(() => requireSupported(RunSpecSchema, spec), /RunSpec\.interruptible is true/);
});
