/** Where the result of an attempt comes from, as facts of the attempt. */
import { describeAdaptation } from "../domain/adaptation.ts";
import {
  describeCommit,
  describeDefaults,
  describeProgram,
  describeStart,
  type CodeOrigin,
  type Provenance,
} from "../domain/provenance.ts";
import { html, type Html } from "./html.ts";
import { code, type Fact } from "./parts.ts";

/** Without its image, which the attempt shows anyway. */
export function provenanceFacts(provenance: Provenance): readonly Fact[] {
  const { base, interpreter, sdk, sentBy, engine, adaptations } = provenance;
  const isOther = sentBy !== undefined && (sentBy.name !== sdk?.name || sentBy.version !== sdk.version);
  return [
    ["Base image", base && html`<code>${base.name}</code> <code>${base.digest}</code>`],
    ["Code", codeHtml(provenance.code)],
    ["Source", sourceHtml(provenance.code)],
    ["Interpreter", interpreter && describeProgram(interpreter)],
    ["SDK", sdk && `${sdk.name} ${sdk.version}`],
    ["Sent with", isOther && `${sentBy.name} ${sentBy.version}`],
    ["Engine", engine],
    ["Start", describeStart(provenance)],
    ["Adapted", adaptations && adaptations.length > 0 && adaptations.map(describeAdaptation).join("; ")],
    ["Added variables", describeDefaults(provenance)],
  ];
}

function codeHtml({ bundles }: CodeOrigin): Html | string {
  return bundles.length === 0 ? "in the image" : html`${bundles.map(code)}`;
}

function sourceHtml({ source }: CodeOrigin): Html | undefined {
  return source && html`<a href="${source.url}" rel="noreferrer">${describeCommit(source) || source.url}</a>`;
}
