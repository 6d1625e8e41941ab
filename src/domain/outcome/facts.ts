/** The evidence, and what follows from it for every rule. */
import type { Evidence } from "./evidence.ts";
import { raisedIn, type Raised } from "./raised.ts";

export interface Facts extends Evidence {
  readonly isContainer: boolean;
  /** `image team:1`, or `this machine`: where the program is. */
  readonly where: string;
  /** The exception at the end of its log. */
  readonly raised: Raised | undefined;
  /** The last line of its log that is not empty and not the runtime's own first one; "" without one. */
  readonly lastLine: string;
}

/** What Python's runtime logs first. */
const BEGIN_LINE = /Flyte runtime started for action/u;
/** Frames of the runtime itself. */
const RUNTIME_FRAME = /[/\\]flyte[/\\]_(?:internal|bin)[/\\]/u;

const MAX_LINE_CHARS = 300;
/** Of each line; see error-hints.ts. */
const READ_CHARS = 4_096;

export function factsOf(evidence: Evidence): Facts {
  const { image, hasBegun } = evidence;
  const log = evidence.log.map((line) => line.slice(0, READ_CHARS));
  const isContainer = image.source !== "host";
  const hasLogged = log.some((line) => BEGIN_LINE.test(line) || RUNTIME_FRAME.test(line));
  return {
    ...evidence,
    log,
    isContainer,
    where: isContainer ? `image ${image.reference}` : "this machine",
    raised: raisedIn(log),
    lastLine: (log.findLast(isOfTheTask) ?? "").trim().slice(0, MAX_LINE_CHARS),
    hasBegun: hasLogged || hasBegun,
  };
}

function isOfTheTask(line: string): boolean {
  return line.trim() !== "" && !BEGIN_LINE.test(line);
}
