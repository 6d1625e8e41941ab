/** What of a report is so certain that no task needs to be started to find it out. */
import { BoxkiteError } from "../../domain/errors.ts";
import type { Finding, Mend } from "./finding.ts";
import type { ImageReport } from "./report.ts";

/** IMAGE_CANNOT_RUN, or undefined: then the image runs, or nobody can say. */
export function certainRefusal({ reference, verdict, findings }: ImageReport): BoxkiteError | undefined {
  if (verdict.kind !== "cannot") return undefined;
  const finding = findings.find(({ code, certain }) => certain && verdict.because.includes(code));
  return finding && refusalOf(reference, finding);
}

function refusalOf(reference: string, { code, text, mend }: Finding): BoxkiteError {
  return new BoxkiteError("IMAGE_CANNOT_RUN", `no task can run in ${reference}: ${text} (${code})`, {
    hint: mendingOf(mend) ?? `all that is known of it: boxkite images check ${reference}`,
  });
}

/** One line that mends a finding. */
export function mendingOf({ dockerfile, sdk, other }: Mend): string | undefined {
  return dockerfile === undefined ? (sdk ?? other) : `in its Dockerfile: ${dockerfile}`;
}
