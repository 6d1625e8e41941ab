/** The fields of a message that take text, however deep: for tests that try a value in each of them. */
import { ScalarType, type DescField, type DescMessage } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";

export type FieldPath = readonly DescField[];

/** Strings and bytes. A type that contains itself is entered once. */
export function textFields(message: DescMessage, within: readonly DescMessage[] = []): FieldPath[] {
  if (within.includes(message)) return [];
  return message.fields.flatMap((field): FieldPath[] => {
    if (field.message) {
      return textFields(field.message, [...within, message]).map((path) => [field, ...path]);
    }
    const scalar = field.scalar ?? 0;
    return scalar === ScalarType.STRING || scalar === ScalarType.BYTES ? [[field]] : [];
  });
}

export function pathText(path: FieldPath): string {
  return path.map(({ name }) => name).join(".");
}

/** Sets the field; what leads to it is made where it is not there. A list has it as its last element. */
export function setText(message: ReflectMessage, path: FieldPath, text: string): void {
  const [field, ...rest] = path;
  if (field === undefined) return;
  const value = field.scalar === ScalarType.BYTES ? new TextEncoder().encode(text) : text;
  const made = (existing: unknown): ReflectMessage => {
    if (field.message === undefined) throw new Error(`${field.name} is no message`);
    const inner = (existing as ReflectMessage | undefined) ?? reflect(field.message);
    setText(inner, rest, text);
    return inner;
  };
  switch (field.fieldKind) {
    case "scalar":
      message.set(field, value);
      return;
    case "message":
      message.set(field, made(message.isSet(field) ? message.get(field) : undefined));
      return;
    case "list": {
      const list = message.get(field);
      if (field.message === undefined) list.add(value);
      else if (list.size === 0) list.add(made(undefined));
      else list.set(0, made(list.get(0)));
      return;
    }
    case "map": {
      const map = message.get(field);
      map.set("key", field.message === undefined ? value : made(map.get("key")));
      return;
    }
    default:
      throw new Error(`${field.name} takes no text`);
  }
}
