/** A field that Boxkite does not act on is refused with its name; nothing is accepted and ignored. */
import { isMessage, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { reflect, type ReflectList } from "@bufbuild/protobuf/reflect";
import { BoxkiteError } from "../domain/errors.ts";
import { SUPPORT, type Support } from "./support-table.ts";

/** Throws FIELD_NOT_SUPPORTED naming the first field that is set and not acted on. */
export function requireSupported(schema: DescMessage, message: Message, path: string = schema.name): void {
  const table = SUPPORT[schema.typeName];
  if (table === undefined) return;
  const values = reflect(schema, message);
  for (const field of schema.fields) {
    if (!values.isSet(field) || isDefault(field, values.get(field))) continue;
    checkField(table[field.name] ?? "refused", field, values.get(field), `${path}.${field.name}`);
  }
}

function checkField(support: Support, field: DescField, value: unknown, path: string): void {
  if (support === "refused") {
    throw new BoxkiteError("FIELD_NOT_SUPPORTED", `${path} is set, and this server does not act on it`, {
      hint: "leave it unset; docs/protocol.md lists what is supported",
    });
  }
  requireKnownValue(support, field, value, path);
  const { message } = field;
  if (support === "inside" && message !== undefined) {
    if (field.fieldKind !== "list") return requireSupported(message, unwrap(value), path);
    const items = [...(value as ReflectList)];
    items.forEach((item, index) => requireSupported(message, unwrap(item), `${path}[${index}]`));
    return;
  }
  if (typeof support === "object" && !support.only.includes(plain(value))) {
    throw new BoxkiteError("FIELD_NOT_SUPPORTED", `${path} is ${String(plain(value))}: ${support.why}`, {
      hint: `leave it unset, or use one of: ${support.only.join(", ")}`,
    });
  }
}

/** A number that only a newer protocol knows: treating it as another value would be worse than refusing it. */
function requireKnownValue(support: Support, { enum: known }: DescField, value: unknown, path: string): void {
  if (support !== "enforced" || known === undefined) return;
  const numbers = typeof value === "number" ? [value] : [...(value as ReflectList)].map(Number);
  const unknown = numbers.find((number) => known.value[number] === undefined);
  if (unknown === undefined) return;
  const text = `${path} is ${unknown}, which is not in the protocol that this server knows`;
  throw new BoxkiteError("FIELD_NOT_SUPPORTED", text, {
    hint: `use one of: ${known.values.map(({ name }) => name).join(", ")}`,
  });
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
