/** Why something does not go on, in a line. */
import type { ActionError, ActionState } from "../domain/action.ts";
import { NEVER } from "../domain/transition.ts";
import { formatDuration } from "./assets/duration.js";

type Waiting = Pick<ActionState, "reason" | "notBefore" | "attempt">;

/** Of an action that waits in its queue. */
export function waitingText({ reason, notBefore, attempt }: Waiting, nowMs: number): string {
  if (notBefore !== NEVER && notBefore > nowMs) {
    const pause = formatDuration(notBefore - nowMs);
    return `attempt ${attempt} did not succeed; attempt ${attempt + 1} may start in ${pause}`;
  }
  return reason ?? "waiting: every slot of the server is in use";
}

const MAX_LINE = 160;

/** The first line with something in it, cut where it is long. */
export function firstLine(text: string): string {
  const line =
    text
      .split("\n", 20)
      .find((one) => one.trim() !== "")
      ?.trim() ?? "";
  return line.length <= MAX_LINE ? line : `${line.slice(0, MAX_LINE)}…`;
}

/** The part before a bar is the server's: that all attempts failed, which the number of attempts shows. */
export function errorLine({ code, message }: Pick<ActionError, "code" | "message">): string {
  const line = firstLine(message);
  return line === "" ? code : `${code}: ${line}`;
}
