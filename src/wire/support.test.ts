import assert from "node:assert/strict";
import { test } from "node:test";
import { create, ScalarType, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { reflect, type ReflectList, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { assertAuthorsWords } from "../../test/helpers/authors-words.ts";
import { EnqueueRequestSchema } from "./gen/flyteidl2/actions/actions_service_pb.js";
import { DeliveryConfigTemplateSchema } from "./gen/flyteidl2/notification/definition_pb.js";
import { CacheLookupScope, InlineRuleListSchema, RunSpecSchema } from "./gen/flyteidl2/task/run_pb.js";
import { TaskSpecSchema } from "./gen/flyteidl2/task/task_definition_pb.js";
import { CreateRunRequestSchema } from "./gen/flyteidl2/workflow/run_service_pb.js";
import { requireSupported } from "./support.ts";
import { SUPPORT } from "./support-table.ts";
import { decodeTaskSpec } from "./task-spec.ts";

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

test("a field that is not acted on is refused in words, with who asks for it", () => {
  const spec = create(RunSpecSchema, { clusterPool: "gpu" });
  assert.throws(() => requireSupported(RunSpecSchema, spec), /^BoxkiteError: the run asks for a pool/u);
  const request = create(CreateRunRequestSchema, {
    task: {
      case: "taskSpec",
      value: { taskTemplate: { id: { name: "team.main" }, securityContext: { secrets: [{ key: "k" }] } } },
    },
  });
  assert.throws(
    () => requireSupported(CreateRunRequestSchema, request),
    /^BoxkiteError: task team\.main asks for secrets/u,
  );
});

test("every refusal of the table says in the author's words what to do instead", () => {
  let count = 0;
  for (const schema of MESSAGES.values()) {
    for (const field of schema.fields) {
      const support = SUPPORT[schema.typeName]?.[field.name];
      if (typeof support !== "object") continue;
      const message = withField(schema, field);
      assert.throws(
        () => requireSupported(schema, message, "task team.main"),
        (error) => {
          assertAuthorsWords(error);
          assert.equal(error.code, "FIELD_NOT_SUPPORTED");
          return true;
        },
        `${schema.typeName}.${field.name}`,
      );
      count++;
    }
  }
  assert.ok(count > 25, `${count} refusals`);
});

/** A message with a value of that field which is not accepted. */
function withField(schema: DescMessage, field: DescField): Message {
  const message = reflect(schema);
  if (field.fieldKind === "list") {
    const items: unknown = field.listKind === "message" ? reflect(field.message) : valueOf(field);
    (message.get(field) as ReflectList).add(items);
    // An empty item of a list counts: the list is not empty.
  } else if (field.fieldKind === "message") message.set(field, filled(field.message));
  else message.set(field, valueOf(field));
  return message.message;
}

/** Not its default. */
function filled(schema: DescMessage): ReflectMessage {
  const message = reflect(schema);
  const field = schema.fields.find(({ fieldKind }) => fieldKind === "scalar" || fieldKind === "enum");
  const inner = schema.fields.find(({ fieldKind }) => fieldKind === "message");
  const list = schema.fields.find(({ fieldKind }) => fieldKind === "list");
  if (field !== undefined) message.set(field, valueOf(field));
  else if (inner?.message !== undefined) message.set(inner, filled(inner.message));
  else if (list?.message !== undefined) (message.get(list) as ReflectList).add(reflect(list.message));
  return message;
}

function valueOf(field: DescField): unknown {
  if (field.enum !== undefined) return field.enum.values.at(-1)?.number;
  switch (field.scalar) {
    case ScalarType.STRING:
      return "other";
    case ScalarType.BOOL:
      return true;
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return 1n;
    default:
      return 1;
  }
}

test("an enqueued child is held to the table as well", () => {
  const request = create(EnqueueRequestSchema, {
    action: { actionId: { name: "a1" }, recoveredFrom: { name: "a0" } },
  });
  assert.throws(
    () => requireSupported(EnqueueRequestSchema, request),
    /action a1 says what it is recovered from/u,
  );
  requireSupported(EnqueueRequestSchema, create(EnqueueRequestSchema, { action: { inputUri: "s3://b/i" } }));
});

test("the specification of a child is checked where it is decoded", () => {
  const spec = create(TaskSpecSchema, {
    taskTemplate: { id: { name: "team.main" }, securityContext: { secrets: [{ key: "k" }] } },
  });
  const task = { case: "task" as const, value: { spec } };
  requireSupported(EnqueueRequestSchema, create(EnqueueRequestSchema, { action: { spec: task } }));
  assert.throws(() => decodeTaskSpec(spec), /^BoxkiteError: task team\.main asks for secrets/u);
});

test("items of a list are held to the table too, and named by their number", () => {
  const email = create(DeliveryConfigTemplateSchema, { email: { to: [{ address: "a@example.org" }] } });
  const delivery = { case: "deliveryTemplate" as const, value: email };
  const rules = create(InlineRuleListSchema, { rules: [{}, { delivery }] });
  const spec = create(RunSpecSchema, { notificationSettings: { case: "notificationRules", value: rules } });
  assert.throws(() => requireSupported(RunSpecSchema, spec), /notification 2 of the run is an e-mail/u);
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

test("a field with only some values refuses the others", () => {
  const spec = create(RunSpecSchema, { interruptible: true });
  assert.throws(() => requireSupported(RunSpecSchema, spec), /the run is interruptible/u);
  const task = create(TaskSpecSchema, { taskTemplate: { type: "spark" } });
  assert.throws(() => requireSupported(TaskSpecSchema, task), /the task is of the type "spark"/u);
});
