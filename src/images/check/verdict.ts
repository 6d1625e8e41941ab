/** From findings to one answer: does the image run? */
import type { AdaptationKind } from "../../domain/adaptation.ts";
import type { AvailableAdaptations } from "./adaptations.ts";
import type { Finding } from "./finding.ts";

export type Verdict =
  | { readonly kind: "as_is" }
  /** With what this server does at the start of a task. */
  | { readonly kind: "adapted"; readonly adaptations: readonly AdaptationKind[] }
  /** `because`: codes of findings. */
  | { readonly kind: "cannot"; readonly because: readonly string[] }
  /** Nothing can be said: the registry did not let it be read. */
  | { readonly kind: "unchecked"; readonly because: readonly string[] };

export function verdictOf(findings: readonly Finding[], available: AvailableAdaptations): Verdict {
  const isOvercome = ({ adaptation }: Finding) => adaptation !== undefined && available.has(adaptation);
  const blocking = findings.filter(({ level }) => level === "blocks");
  const because = blocking.filter((each) => !isOvercome(each)).map(({ code }) => code);
  if (because.length > 0) return { kind: "cannot", because };
  const used = findings.filter((each) => each.level !== "note" && isOvercome(each));
  const adaptations = [...new Set(used.flatMap(({ adaptation }) => adaptation ?? []))];
  return adaptations.length === 0 ? { kind: "as_is" } : { kind: "adapted", adaptations };
}
