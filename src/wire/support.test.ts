import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescMessage } from "@bufbuild/protobuf";
import { EnqueueRequestSchema } from "./gen/flyteidl2/actions/actions_service_pb.js";
import { DeliveryConfigTemplateSchema } from "./gen/flyteidl2/notification/definition_pb.js";
import { CacheLookupScope, InlineRuleListSchema, RunSpecSchema } from "./gen/flyteidl2/task/run_pb.js";
import { TaskSpecSchema } from "./gen/flyteidl2/task/task_definition_pb.js";
import { CreateRunRequestSchema } from "./gen/flyteidl2/workflow/run_service_pb.js";
import { requireSupported } from "./support.ts";
import { SUPPORT } from "./support-table.ts";

/** The messages that a task or a run is made by, and those inside of them. */
function tabled(schema: DescMessage, found = new Map<string, DescMessage>()): Map<string, DescMessage> {
  if (found.has(schema.typeName)) return found;
  found.set(schema.typeName, schema);
  for (const field of schema.fields) {
    if (field.message && SUPPORT[schema.typeName]?.[field.name] === "inside") tabled(field.message, found);
  }
  return found;
}
const MESSAGES = tabled(CreateRunRequestSchema, tabled(EnqueueRequestSchema));

test("the table speaks of every field there is, and of no other", () => {
  assert.deepEqual(Object.keys(SUPPORT).toSorted(), [...MESSAGES.keys()].toSorted());
  for (const { typeName, fields } of MESSAGES.values()) {
    assert.deepEqual(
      Object.keys(SUPPORT[typeName] ?? {}).toSorted(),
      fields.map((field) => field.name).toSorted(),
      typeName,
    );
  }
});

test("a message is enforced as a whole where it is one value, and else has a table", () => {
  const values = /^google\.protobuf\.|Identifier$|^flyteidl2\.core\.(LiteralType|KeyValuePair)$/u;
  const entries = ["flyteidl2.core.Resources.ResourceEntry", "flyteidl2.task.NamedLiteral"];
  for (const { typeName, fields } of MESSAGES.values()) {
    for (const { name, message } of fields) {
      if (message === undefined || SUPPORT[typeName]?.[name] !== "enforced") continue;
      assert.ok(values.test(message.typeName) || entries.includes(message.typeName), `${typeName}.${name}`);
    }
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

test("items of a list are held to the table too, and named by their index", () => {
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

// As an SDK sends it that is older than the field reuse_policy.
test("a reusable task that is one by its type alone is refused", () => {
  const spec = create(TaskSpecSchema, { taskTemplate: { type: "actor" } });
  assert.throws(() => requireSupported(TaskSpecSchema, spec), /task_template\.type is actor: .*ReusePolicy/u);
});

test("a field with only some values names them", () => {
  const spec = create(RunSpecSchema, { interruptible: true });
  assert.throws(() => requireSupported(RunSpecSchema, spec), /RunSpec\.interruptible is true/);
});
