/**
 * Inputs and outputs for people. Values may be huge or nested without end, so what is shown is bounded:
 * in depth, in items of a list, in length of a text, and in all.
 */
import { decode } from "@msgpack/msgpack";
import type { Literal, Primitive, Scalar } from "../wire/gen/flyteidl2/core/literals_pb.js";
import type { NamedLiteral } from "../wire/gen/flyteidl2/task/common_pb.js";
import { decodeDuration, decodeTime } from "../wire/time.ts";
import { formatDuration } from "./assets/duration.js";
import { html, type Html } from "./html.ts";
import { bytesText, isoTime } from "./parts.ts";

const MAX_DEPTH = 12;
const MAX_ITEMS = 100;
const MAX_TEXT = 4_000;
const MAX_VALUES = 2_000;

/** How many more values one page shows, and how deep the current one is. */
interface Budget {
  left: number;
  depth: number;
}

export function namedValues(literals: readonly NamedLiteral[]): Html {
  const budget: Budget = { left: MAX_VALUES, depth: 0 };
  const shown = literals.slice(0, MAX_ITEMS);
  return html`<dl class="values">
      ${shown.map(
        ({ name, value }) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value === undefined ? none() : literal(value, budget)}</dd>
          </div>`,
      )}
    </dl>
    ${more(literals.length - shown.length)}`;
}

export function literalValue(value: Literal): Html {
  return literal(value, { left: MAX_VALUES, depth: 0 });
}

function literal({ value }: Literal, budget: Budget): Html {
  switch (value.case) {
    case "scalar":
      return scalar(value.value, budget);
    case "collection":
      return list(value.value.literals, budget, literal);
    case "map":
      return entries(Object.entries(value.value.literals), budget, literal);
    case "offloadedMetadata":
      return reference("kept apart", value.value.uri, bytesText(Number(value.value.sizeBytes)));
    default:
      return none();
  }
}

function scalar({ value }: Scalar, budget: Budget): Html {
  switch (value.case) {
    case "primitive":
      return primitive(value.value);
    case "blob": {
      const type = value.value.metadata?.type;
      const format = type?.format ?? "";
      return reference(type?.dimensionality === 1 ? "directory" : "file", value.value.uri, format);
    }
    case "schema":
      return reference("table", value.value.uri, "");
    case "structuredDataset":
      return reference(
        "data frame",
        value.value.uri,
        value.value.metadata?.structuredDatasetType?.format ?? "",
      );
    case "union":
      return value.value.value === undefined ? none() : literal(value.value.value, budget);
    case "generic":
      return plain(value.value, budget);
    case "binary":
      return binary(value.value.value, value.value.tag, budget);
    case "error":
      return text(value.value.message);
    default:
      return none();
  }
}

function primitive({ value }: Primitive): Html {
  switch (value.case) {
    case "stringValue":
      return text(value.value);
    case "datetime":
      return time(decodeTime(value.value));
    case "duration":
      return html`<code class="number">${formatDuration(decodeDuration(value.value))}</code>`;
    case "floatValue":
      // A whole float is printed as Python does, unlike an integer.
      return html`<code class="number"
        >${Number.isInteger(value.value) ? value.value.toFixed(1) : value.value}</code
      >`;
    default:
      return html`<code class="number">${String(value.value)}</code>`;
  }
}

/** Dataclasses, models and the like travel as msgpack; a value of any other tag is only measured. */
function binary(bytes: Uint8Array, tag: string, budget: Budget): Html {
  if (tag !== "msgpack")
    return html`<span class="quiet">${bytesText(bytes.length)} of ${tag || "bytes"}</span>`;
  let value: unknown;
  try {
    value = decode(bytes, { useBigInt64: true });
  } catch {
    return html`<span class="quiet"
      >${bytesText(bytes.length)} that are not msgpack, though they say so</span
    >`;
  }
  return plain(value, budget);
}

function plain(value: unknown, budget: Budget): Html {
  if (value === null || value === undefined) return none();
  if (typeof value === "string") return text(value);
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") {
    return html`<code class="number">${String(value)}</code>`;
  }
  if (value instanceof Uint8Array) return html`<span class="quiet">${bytesText(value.length)}</span>`;
  if (value instanceof Date) return time(value);
  if (Array.isArray(value)) return list(value as unknown[], budget, plain);
  if (typeof value === "object") return entries(Object.entries(value), budget, plain);
  return html`<span class="quiet">something that cannot be shown</span>`;
}

function list<T>(items: readonly T[], budget: Budget, item: (value: T, budget: Budget) => Html): Html {
  if (items.length === 0) return html`<code class="quiet">[]</code>`;
  return inside(budget, () => {
    const shown = items.slice(0, Math.min(MAX_ITEMS, budget.left));
    budget.left -= shown.length;
    const rows = shown.map((value) => html`<li>${item(value, budget)}</li>`);
    return html`<ol class="items" start="0">
        ${rows}
      </ol>
      ${more(items.length - shown.length)}`;
  });
}

function entries<T>(
  pairs: readonly (readonly [string, T])[],
  budget: Budget,
  item: (value: T, budget: Budget) => Html,
): Html {
  if (pairs.length === 0) return html`<code class="quiet">{}</code>`;
  return inside(budget, () => {
    const shown = pairs.slice(0, Math.min(MAX_ITEMS, budget.left));
    budget.left -= shown.length;
    const rows = shown.map(
      ([name, value]) =>
        html`<div>
          <dt>${cut(name)}</dt>
          <dd>${item(value, budget)}</dd>
        </div>`,
    );
    return html`<dl class="values">${rows}</dl>
      ${more(pairs.length - shown.length)}`;
  });
}

function inside(budget: Budget, content: () => Html): Html {
  if (budget.depth >= MAX_DEPTH || budget.left <= 0) return html`<span class="quiet">… more inside</span>`;
  budget.depth++;
  try {
    return content();
  } finally {
    budget.depth--;
  }
}

function text(value: string): Html {
  if (value === "") return html`<span class="quiet">empty text</span>`;
  return html`<span class="text">${cut(value)}</span>`;
}

function reference(kind: string, uri: string, note: string): Html {
  return html`<span class="quiet">${kind}${note !== "" && ` · ${note}`}</span> <code>${cut(uri)}</code>`;
}

function time(at: number | Date): Html {
  return html`<code class="number">${isoTime(at) ?? "a time out of range"}</code>`;
}

function none(): Html {
  return html`<span class="quiet">none</span>`;
}

function cut(value: string): string {
  if (value.length <= MAX_TEXT) return value;
  return `${value.slice(0, MAX_TEXT)}… ${value.length - MAX_TEXT} more characters`;
}

function more(count: number): Html | undefined {
  return count > 0 ? html`<p class="quiet">… ${count} more</p>` : undefined;
}
