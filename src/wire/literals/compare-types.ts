/** Whether what is written as one type can be read as another: of objects every field. */
import {
  alternativesOf,
  describeNode,
  fieldOf,
  isAnything,
  itemOf,
  placesOf,
  rootNode,
  timeFormatOf,
  typeOf,
  valuesOf,
  type SchemaNode,
} from "./schema-node.ts";
import { describeWireType, isAssignable } from "./literal-type.ts";
import type { WireType } from "./wire-type.ts";

export interface Difference {
  /** From the whole: `.loss`, `[].at`; empty for the whole. */
  readonly path: string;
  /** What each side has there. */
  readonly from: string;
  readonly to: string;
}

export interface CompareOptions {
  /**
   * Who writes `from` writes the fields, too, that its schema does not require: those of a Python class with a default
   * are not required, and always there.
   */
  readonly writesOptional?: boolean;
}

/** Where a value of the type `from` would not be one of the type `to`. Empty if it always is. */
export function compareTypes(
  from: WireType,
  to: WireType,
  options: CompareOptions = {},
  path = "",
): Difference[] {
  if (from.kind === "union") {
    const differences = from.variants.flatMap((variant) => compareTypes(variant, to, options, path));
    return differences.some((one) => one.path === path) ? [difference(from, to, path)] : differences;
  }
  if (to.kind === "union")
    return bestOf(
      to.variants.map((variant) => compareTypes(from, variant, options, path)),
      from,
      to,
      path,
    );
  if (from.kind === "list" && to.kind === "list")
    return compareTypes(from.items, to.items, options, `${path}[]`);
  if (from.kind === "map" && to.kind === "map")
    return compareTypes(from.values, to.values, options, `${path}.*`);
  if (from.kind === "struct" && to.kind === "struct") {
    // What has no schema may fit; the value is checked when it is there.
    if (from.schema === undefined || to.schema === undefined) return [];
    return new Comparison(options).nodes(rootNode(from.schema), rootNode(to.schema), path);
  }
  return isAssignable(from, to) ? [] : [difference(from, to, path)];
}

function difference(from: WireType, to: WireType, path: string): Difference {
  return { path, from: describeWireType(from), to: describeWireType(to) };
}

/** None if one of the alternatives fits; of one that differs inside only, what differs there. */
function bestOf(
  alternatives: readonly Difference[][],
  from: WireType,
  to: WireType,
  path: string,
): Difference[] {
  if (alternatives.some((differences) => differences.length === 0)) return [];
  const inside = alternatives.filter((differences) => differences.every((one) => one.path !== path));
  return inside.length === 1 ? (inside[0] ?? []) : [difference(from, to, path)];
}

class Comparison {
  readonly #options: CompareOptions;
  /** Pairs under comparison: a schema may refer to itself. */
  readonly #around: (readonly [from: object, to: object])[] = [];

  constructor(options: CompareOptions) {
    this.#options = options;
  }

  nodes(from: SchemaNode, to: SchemaNode, path: string): Difference[] {
    if (this.#around.some(([a, b]) => a === from.schema && b === to.schema)) return [];
    this.#around.push([from.schema, to.schema]);
    const targets = alternativesOf(to);
    const differences = alternativesOf(from).flatMap((one) => this.#oneOf(one, targets, to, path));
    this.#around.pop();
    return differences.some((one) => one.path === path) ? [nodeDifference(from, to, path)] : differences;
  }

  #oneOf(from: SchemaNode, targets: readonly SchemaNode[], to: SchemaNode, path: string): Difference[] {
    const alternatives = targets.map((target) => this.#single(from, target, path));
    if (alternatives.some((differences) => differences.length === 0)) return [];
    const inside = alternatives.filter((differences) => differences.every((one) => one.path !== path));
    return inside.length === 1 ? (inside[0] ?? []) : [nodeDifference(from, to, path)];
  }

  /** Of two that are no unions. */
  #single(from: SchemaNode, to: SchemaNode, path: string): Difference[] {
    if (isAnything(from) || isAnything(to)) return [];
    const different = [nodeDifference(from, to, path)];
    const [values, accepted] = [valuesOf(from), valuesOf(to)];
    if (values !== undefined && accepted !== undefined)
      return values.every((value) => accepted.includes(value)) ? [] : different;
    if (accepted !== undefined) return different;
    const [type, wanted] = [typeOf(from) ?? typeOfValues(values), typeOf(to)];
    if (type !== wanted && !(type === "integer" && wanted === "number")) return different;
    if (type === "array") return this.#arrays(from, to, path);
    if (type === "object") return this.#objects(from, to, path);
    const format = timeFormatOf(to);
    return format === undefined || format === timeFormatOf(from) ? [] : different;
  }

  #arrays(from: SchemaNode, to: SchemaNode, path: string): Difference[] {
    const places = Math.max(placesOf(from), placesOf(to));
    const positions = Array.from({ length: places + 1 }, (_, position) => position);
    return positions.flatMap((position) => {
      const [item, wanted] = [itemOf(from, position), itemOf(to, position)];
      const name = position === places ? `${path}[]` : `${path}[${position}]`;
      if (wanted !== undefined && item === undefined && position < placesOf(to) && placesOf(from) > 0)
        return [{ path: name, from: "missing", to: describeNode(wanted) }];
      return item === undefined || wanted === undefined ? [] : this.nodes(item, wanted, name);
    });
  }

  #objects(from: SchemaNode, to: SchemaNode, path: string): Difference[] {
    const written = from.schema.properties ?? {};
    const read = to.schema.properties ?? {};
    const required = new Set(to.schema.required ?? []);
    // In one order, which the fields of a deployed schema do not have.
    const names = [...new Set([...Object.keys(read), ...required, ...Object.keys(written)])].toSorted();
    const fields = names.flatMap((name) =>
      this.#fields(name, from, to, required.has(name), `${path}.${name}`),
    );
    const [rest, restRead] = [from.schema.additionalProperties, to.schema.additionalProperties];
    if (typeof rest !== "object" || typeof restRead !== "object") return fields;
    const others = this.nodes({ ...from, schema: rest }, { ...to, schema: restRead }, `${path}.*`);
    return [...fields, ...others];
  }

  #fields(name: string, from: SchemaNode, to: SchemaNode, isRequired: boolean, path: string): Difference[] {
    const [written, read] = [fieldOf(from, name), fieldOf(to, name)];
    const isDeclared = Object.hasOwn(from.schema.properties ?? {}, name);
    if (!isDeclared) {
      const wanted = read === undefined ? "a field" : describeNode(read);
      return isRequired ? [{ path, from: "missing", to: wanted }] : [];
    }
    if (written === undefined) return [];
    if (read === undefined) {
      return to.schema.additionalProperties === false
        ? [{ path, from: describeNode(written), to: "not there" }]
        : [];
    }
    const isWritten =
      this.#options.writesOptional === true ||
      written.schema.default !== undefined ||
      (from.schema.required ?? []).includes(name);
    if (isRequired && !isWritten)
      return [{ path, from: `optional ${describeNode(written)}`, to: `required ${describeNode(read)}` }];
    return this.nodes(written, read, path);
  }
}

function nodeDifference(from: SchemaNode, to: SchemaNode, path: string): Difference {
  return { path, from: describeNode(from), to: describeNode(to) };
}

/** The one type that all the values have. */
function typeOfValues(values: readonly unknown[] | undefined): string | undefined {
  const types = new Set((values ?? []).map((value) => (Number.isInteger(value) ? "integer" : typeof value)));
  return types.size === 1 ? [...types][0] : undefined;
}
