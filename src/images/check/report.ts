/** The result of a check: what is known of an image, what is wrong with it, and whether it runs. */
import type { ImageFacts } from "../../domain/image-facts.ts";
import type { ResolvedImage } from "../../domain/image.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { RegistryRefusal } from "../registry/refusal.ts";
import { ALL_ADAPTATIONS, type AvailableAdaptations } from "./adaptations.ts";
import type { Finding } from "./finding.ts";
import { findingsOf } from "./findings.ts";
import { subjectOf, type CheckContext, type Language } from "./subject.ts";
import { verdictOf, type Verdict } from "./verdict.ts";

export interface CheckedImage {
  readonly image: ResolvedImage;
  readonly facts: ImageFacts;
  /** Whether the facts were read before. */
  readonly isCached: boolean;
}

export interface ImageReport {
  readonly reference: string;
  readonly verdict: Verdict;
  /** Whose tasks run in it. */
  readonly languages: readonly Language[];
  readonly findings: readonly Finding[];
  /** Undefined where the image could not be read. */
  readonly checked?: CheckedImage;
  /** Of a program: those that run in it. */
  readonly environments?: readonly string[];
}

export interface ReportOptions extends CheckContext {
  /** Findings beyond those of the image itself. */
  readonly more?: readonly Finding[];
  /** @default all of this server */
  readonly available?: AvailableAdaptations;
}

export function reportOn(checked: CheckedImage, options: ReportOptions = {}): ImageReport {
  const { more = [], available = ALL_ADAPTATIONS } = options;
  const { reference } = checked.image;
  const subject = subjectOf(reference, checked.facts, options);
  const findings = [...findingsOf(subject), ...more];
  const verdict = verdictOf(findings, available);
  const languages =
    subject.ready.length > 0 ? subject.ready : [subject.language].flatMap((each) => each ?? []);
  return { reference, verdict, languages: verdict.kind === "cannot" ? [] : languages, findings, checked };
}

/** Of an image that cannot be had. Throws errors that say nothing of the image, such as those of an engine. */
export function reportOnError(reference: string, error: unknown): ImageReport {
  const finding = findingOf(error);
  const because = [finding.code];
  const verdict: Verdict = finding.certain ? { kind: "cannot", because } : { kind: "unchecked", because };
  return { reference, verdict, languages: [], findings: [finding] };
}

/** For an image that a program calls by a name, without saying which image that is. */
export function reportOnUnnamed(name: string): ImageReport {
  const finding: Finding = {
    code: "IMAGE_NAME_UNKNOWN",
    level: "blocks",
    certain: true,
    text: `the program wants the image named ${name}, and does not say which one that is`,
    mend: {
      sdk: `flyte.init_from_config(images=("${name}=REGISTRY/IMAGE:TAG",)), in TypeScript initFromConfig({ images: { "${name}": … } })`,
      other: `in the configuration file: image: image_refs: ${name}: REGISTRY/IMAGE:TAG`,
    },
  };
  return {
    reference: name,
    verdict: { kind: "cannot", because: [finding.code] },
    languages: [],
    findings: [finding],
  };
}

/** The registry's word that the image is not there, or for others, is certain; a refusal says nothing of it. */
function findingOf(error: unknown): Finding {
  if (!(error instanceof BoxkiteError)) throw error;
  const { code, message, hint } = error;
  const mend = hint === undefined ? {} : { other: hint };
  switch (code) {
    case "IMAGE_REFERENCE_INVALID":
    case "IMAGE_NOT_FOUND":
    case "IMAGE_WRONG_PLATFORM":
      return { code, level: "blocks", certain: true, text: message, mend };
    case "IMAGE_UNAUTHORIZED":
      return {
        code: wasLoggedIn(error) ? "CREDENTIALS_REFUSED" : "CREDENTIALS_MISSING",
        level: "blocks",
        certain: false,
        text: message,
        mend,
      };
    case "REGISTRY_RATE_LIMITED":
    case "REGISTRY_UNREACHABLE":
    case "EGRESS_DENIED":
      return { code, level: "blocks", certain: false, text: message, mend };
    default:
      throw error;
  }
}

/** The registry's answer may be the cause of what was made of it. */
function wasLoggedIn(error: unknown): boolean {
  if (error instanceof RegistryRefusal) return error.isLoggedIn;
  return error instanceof Error && error.cause !== undefined && wasLoggedIn(error.cause);
}
