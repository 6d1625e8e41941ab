/** A field that Boxkite does not act on is refused with its name; nothing is accepted and ignored. */
import { isMessage, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { reflect, type ReflectList } from "@bufbuild/protobuf/reflect";
import { quoted } from "../domain/text.ts";
import { EnqueueRequestSchema } from "./gen/flyteidl2/actions/actions_service_pb.js";
import { TaskTemplateSchema } from "./gen/flyteidl2/core/tasks_pb.js";
import { RunSpecSchema } from "./gen/flyteidl2/task/run_pb.js";
import { ConditionActionSchema, TraceActionSchema } from "./gen/flyteidl2/workflow/run_definition_pb.js";
import { CreateRunRequestSchema } from "./gen/flyteidl2/workflow/run_service_pb.js";
import { MAX_NAME_LENGTH } from "./short-texts.ts";
import { NOT_KNOWN, refused } from "./refusals.ts";
import { SUPPORT, type Support } from "./support-table.ts";

/**
 * Throws FIELD_NOT_SUPPORTED for the first field that is set and not acted on, in the author's words. `subject`: what
 * the message is of, for people; some messages name themselves.
 */
export function requireSupported(schema: DescMessage, message: Message, subject = "the call"): void {
  const table = SUPPORT[schema.typeName];
  if (table === undefined) return;
  const own = nameOf(message) ?? subject;
  const values = reflect(schema, message);
  for (const field of schema.fields) {
    if (!values.isSet(field) || isDefault(field, values.get(field))) continue;
    checkField(table[field.name] ?? NOT_KNOWN, field, values.get(field), own);
  }
}

function checkField(support: Support, field: DescField, value: unknown, subject: string): void {
  if (support === "enforced") return requireKnownValue(field, value, subject);
  if (support === "inside") return checkInside(field, value, subject);
  if (support === "kept" || support === "decoded") return;
  if ("why" in support) throw refused(subject, support);
  if (!support.only.includes(plain(value))) throw refused(subject, support.refuse(plain(value)));
}

function checkInside({ message, fieldKind }: DescField, value: unknown, subject: string): void {
  if (message === undefined) return;
  if (fieldKind !== "list") return requireSupported(message, unwrap(value), subject);
  const items = [...(value as ReflectList)];
  items.forEach((item, index) => {
    const name = ITEMS[message.typeName];
    requireSupported(
      message,
      unwrap(item),
      name === undefined ? subject : `${name} ${index + 1} of ${subject}`,
    );
  });
}

/** A number that only a newer protocol knows: treating it as another value would be worse than refusing it. */
function requireKnownValue({ enum: known, name }: DescField, value: unknown, subject: string): void {
  if (known === undefined) return;
  const numbers = typeof value === "number" ? [value] : [...(value as ReflectList)].map(Number);
  const unknown = numbers.find((number) => known.value[number] === undefined);
  if (unknown === undefined) return;
  throw refused(subject, {
    why: `sets ${name.replaceAll("_", " ")} to ${unknown}, which this version of Boxkite does not know`,
    instead: `upgrade Boxkite, or use one of: ${known.values.map((each) => each.name).join(", ")}`,
  });
}

/** Items of a list, which are counted from 1. */
const ITEMS: Readonly<Record<string, string>> = { "flyteidl2.task.InlineRule": "notification" };

/** Messages that people know by a name. */
function nameOf(message: Message): string | undefined {
  if (isMessage(message, TaskTemplateSchema)) return taskSubject(message.id?.name);
  if (isMessage(message, RunSpecSchema) || isMessage(message, CreateRunRequestSchema)) return "the run";
  if (isMessage(message, TraceActionSchema)) return `trace ${message.name}`;
  if (isMessage(message, ConditionActionSchema)) return `condition ${message.name}`;
  if (isMessage(message, EnqueueRequestSchema)) return `action ${message.action?.actionId?.name ?? ""}`;
  return undefined;
}

/** A task in messages for people. */
export function taskSubject(name: string | undefined): string {
  if (!name) return "the task";
  return `task ${name.length > MAX_NAME_LENGTH ? quoted(name) : name}`;
}

/** Clients always send some empty messages and zero values; they ask for nothing. */
function isDefault(field: DescField, value: unknown): boolean {
  if (field.fieldKind === "message") return isEmptyMessage(unwrap(value)) && !isWrapper(field);
  if (field.fieldKind === "scalar" && field.presence === 2) return false;
  return value === "" || value === 0 || value === 0n || value === false;
}

function isWrapper(field: DescField): boolean {
  return field.message?.typeName.startsWith("google.protobuf.") ?? false;
}

function isEmptyMessage(message: Message): boolean {
  return Object.entries(message as unknown as Record<string, unknown>).every(
    ([name, value]) =>
      name.startsWith("$") ||
      value === undefined ||
      value === "" ||
      value === false ||
      value === 0 ||
      value === 0n ||
      (Array.isArray(value) && value.length === 0) ||
      (typeof value === "object" && value !== null && isEmptyPart(value)),
  );
}

function isEmptyPart(value: object): boolean {
  if (isMessage(value)) return isEmptyMessage(value);
  if ("case" in value) return value.case === undefined;
  return Object.keys(value).length === 0;
}

/** The reflection API returns messages in a wrapper. */
function unwrap(value: unknown): Message {
  return typeof value === "object" && value !== null && "message" in value
    ? (value as { message: Message }).message
    : (value as Message);
}

/** BoolValue and the like stand for the value in them. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const message = unwrap(value);
  return "value" in message ? message.value : message;
}
