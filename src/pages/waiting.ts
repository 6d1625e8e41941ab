/** Why something does not go on, in a line. */
import type { ActionError, ActionState } from "../domain/action.ts";
import { NEVER } from "../domain/transition.ts";
import { html, type Html } from "./html.ts";
import { timeText } from "./parts.ts";

type Waiting = Pick<ActionState, "reason" | "notBefore" | "attempt">;

/** Of an action that waits in its queue. */
export function waitingLine({ reason, notBefore, attempt }: Waiting, nowMs: number): Html {
  if (reason !== undefined) return html`${firstLine(reason)}`;
  if (notBefore !== NEVER && notBefore > nowMs)
    return html`waiting: attempt ${attempt} did not succeed, and attempt ${attempt + 1} may start at
    ${timeText(notBefore)}`;
  return html`waiting for its turn: every slot is in use, or what waits longer goes first`;
}

const MAX_LINE = 160;

/** The first line with something in it. */
export function fullLine(text: string): string {
  return /\S.*/u.exec(text)?.[0].trimEnd() ?? "";
}

/** Cut where it is long. */
export function firstLine(text: string): string {
  const line = fullLine(text);
  return line.length <= MAX_LINE ? line : `${line.slice(0, MAX_LINE).toWellFormed()}…`;
}

export function errorLine({ code, message }: Pick<ActionError, "code" | "message">): string {
  const line = firstLine(message);
  return line === "" ? code : `${code}: ${line}`;
}
