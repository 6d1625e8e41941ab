/** Why an action waits: for what, how many are ahead of it, and what it asks for. */
import type { TaskDefinition } from "../domain/task.ts";
import { callLink, type Call } from "./call.ts";
import { html, type Html } from "./html.ts";
import { facts } from "./parts.ts";
import { amountsText } from "./task-section.ts";
import { errorLine, waitingLine } from "./waiting.ts";

export interface Wait extends Call {
  /** Other runs that wait in its queue for longer, and whether there may be more than that. */
  readonly ahead: number;
  readonly isMore: boolean;
  readonly definition: TaskDefinition | undefined;
}

export function waitBox(wait: Wait, nowMs: number): Html {
  const { action, ahead, isMore, definition } = wait;
  const { state, queue } = action;
  return html`<div class="box note">
    <p class="box-title">Queued: ${callLink(wait)}</p>
    <p class="text">${waitingLine(state, nowMs)}</p>
    ${state.error !== undefined && html`<p class="where">Attempt ${state.attempt} failed: ${errorLine(state.error)}</p>`}
    ${facts([
      ["Queue", queue],
      ["Runs that wait longer", ahead > 0 && `${ahead}${isMore ? " or more" : ""}`],
      ["Requests", definition && amountsText(definition.requests)],
    ])}
  </div>`;
}
