/** An action's inputs and outputs, read from where they are kept. */
import { fromBinary } from "@bufbuild/protobuf";
import type { PageContext } from "./page-context.ts";
import { keyOfUri } from "../services/object-keys.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { outputsUri } from "../domain/outputs.ts";
import { LiteralSchema, type Literal } from "../wire/gen/flyteidl2/core/literals_pb.js";
import { InputsSchema, OutputsSchema, type NamedLiteral } from "../wire/gen/flyteidl2/task/common_pb.js";
import { html, type Html } from "./html.ts";
import { bytesText } from "./parts.ts";
import { literalValue, namedValues } from "./values.ts";

/** Of larger values only the URI is shown. */
const MAX_BYTES = 1024 * 1024;

type Values =
  | { readonly kind: "read"; readonly literals: readonly NamedLiteral[] }
  | { readonly kind: "too_large"; readonly uri: string; readonly bytes: number }
  | { readonly kind: "unreadable"; readonly uri: string }
  | { readonly kind: "absent" };

export type ValuesContext = Pick<PageContext, "objects" | "bucket" | "log">;

export interface ActionValues {
  readonly inputs: Values;
  readonly outputs: Values;
  /** A condition's answer. */
  readonly answer: Literal | undefined;
}

export async function readValues(
  context: ValuesContext,
  { inputUri, kind, state }: ActionRecord,
): Promise<ActionValues> {
  const succeeded = state.phase === "succeeded" || state.phase === "recovered";
  const outputs = outputsUri(kind, state.outputUri);
  return {
    inputs: await readLiterals(context, inputUri, (bytes) => fromBinary(InputsSchema, bytes).literals),
    outputs: succeeded
      ? await readLiterals(context, outputs, (bytes) => fromBinary(OutputsSchema, bytes).literals)
      : { kind: "absent" },
    answer: state.value && fromBinary(LiteralSchema, state.value),
  };
}

/** `maxBytes`: of larger ones only the size is read. */
export async function readLiterals(
  { objects, bucket, log }: ValuesContext,
  uri: string | undefined,
  decode: (bytes: Uint8Array) => readonly NamedLiteral[],
  maxBytes = MAX_BYTES,
): Promise<Values> {
  if (uri === undefined || uri === "") return { kind: "absent" };
  try {
    const key = keyOfUri(uri, bucket);
    const found = await objects.head(key);
    if (found === undefined) return { kind: "absent" };
    if (found.size > maxBytes) return { kind: "too_large", uri, bytes: found.size };
    const bytes = await objects.readAll(key);
    return bytes === undefined ? { kind: "absent" } : { kind: "read", literals: decode(bytes) };
  } catch (error) {
    // The task wrote these bytes, and may have written anything.
    log.debug("values could not be shown", { uri, error });
    return { kind: "unreadable", uri };
  }
}

export function valuesSection({ inputs, outputs, answer }: ActionValues, ended: boolean): Html {
  const result =
    answer === undefined ? valuesHtml(outputs, ended ? "None." : "Not yet.") : literalValue(answer);
  return html`<div class="columns">
    <div>
      <h3 id="inputs-title">Inputs</h3>
      ${valuesHtml(inputs, "None.")}
    </div>
    <div>
      <h3 id="outputs-title">Outputs</h3>
      ${result}
    </div>
  </div>`;
}

function valuesHtml(values: Values, otherwise: string): Html {
  switch (values.kind) {
    case "read":
      return values.literals.length === 0
        ? html`<p class="quiet">${otherwise}</p>`
        : namedValues(values.literals);
    case "too_large":
      return html`<p class="quiet">${bytesText(values.bytes)}, too much to show here:</p>
        <code>${values.uri}</code>`;
    case "unreadable":
      return html`<p class="quiet">What is there cannot be read:</p>
        <code>${values.uri}</code>`;
    case "absent":
      return html`<p class="quiet">${otherwise}</p>`;
  }
}
