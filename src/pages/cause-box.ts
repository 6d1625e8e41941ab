/** What failed first of all: its error in short, where it is, and what leads to it. */
import type { ActionError } from "../domain/action.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { isSleep } from "../domain/sleep.ts";
import type { RunRecord } from "../domain/run.ts";
import { callLink, linkTo, type Call } from "./call.ts";
import { BLAME } from "./error-box.ts";
import { html, NOTHING, type Child, type Html } from "./html.ts";
import type { PageContext } from "./page-context.ts";
import { rootCause } from "./root-cause.ts";
import { callOf } from "./short-inputs.ts";
import { errorLine, firstLine } from "./waiting.ts";

export interface Cause {
  /** From the action that was asked about to the cause. */
  readonly path: readonly [Call, ...Call[]];
  /** See RootCause. */
  readonly before: Call | undefined;
  readonly hasLogs: boolean;
}

/** Of an action that failed. */
export async function readCause(
  context: Pick<PageContext, "store" | "inputs">,
  run: RunRecord,
  failed: ActionRecord,
): Promise<Cause> {
  const { path, before } = await rootCause(context.store, failed);
  const [first, ...others] = await Promise.all(path.map((action) => callOf(context, action)));
  return {
    path: [first ?? (await callOf(context, failed)), ...others],
    before: before && (await callOf(context, before)),
    hasLogs: run.logsRemovedAt === undefined,
  };
}

/** Of a longer path the middle is left out. */
const MAX_PATH = 6;

/** `chosen`: the action that is shown in detail, with its whole error. */
export function causeBox({ path, before, hasLogs }: Cause, chosen: string): Html {
  const cause = path.at(-1) ?? path[0];
  const { key, state } = cause.action;
  if (state.error === undefined) return NOTHING;
  const { code, message, hint, kind } = state.error;
  const isShown = key.action === chosen;
  return html`<div class="box error">
    <p class="box-title">
      ${state.phase === "timed_out" ? "Timed out" : "Failed"}: ${callLink(cause)}
      <code>${code}</code>${BLAME[kind] !== "" && html` <span class="quiet">${BLAME[kind]}</span>`}
    </p>
    <p class="text">${firstLine(message)}</p>
    ${path.length > 1 && html`<p class="where">In ${pathLinks(path.slice(0, -1))}</p>`}
    ${before !== undefined && html`<p class="where">Before that, ${callLink(before)} failed: ${lineOf(before.action.state.error)}</p>`}
    <p class="where">
      ${attemptText(cause)}${hasLogs && state.attempt > 0 && !isSleep(cause.action) && html` · ${linkTo(key, `Log of attempt ${state.attempt}`, { attempt: state.attempt, part: "log-head" })}`}
    </p>
    ${!isShown && hint !== undefined && html`<p class="hint"><strong>What to do</strong> <span>${hint}</span></p>`}
  </div>`;
}

/** Where the error of an action that is shown in detail comes from; empty where it is its own. */
export function causeLine({ path, before }: Cause): Html {
  const cause = path.at(-1);
  if (cause !== undefined && path.length > 1)
    return html`<p class="where">This is the error of ${callLink(cause)}.</p>`;
  if (before === undefined) return NOTHING;
  return html`<p class="where">
    Before that, ${callLink(before)} failed: ${lineOf(before.action.state.error)}
  </p>`;
}

function pathLinks(path: readonly Call[]): Child {
  const shown =
    path.length <= MAX_PATH ? path : [...path.slice(0, 1), undefined, ...path.slice(2 - MAX_PATH)];
  return shown.map((call, index) => html`${index > 0 && " › "}${call === undefined ? "…" : callLink(call)}`);
}

function lineOf(error: ActionError | undefined): string {
  return error === undefined ? "" : errorLine(error);
}

/** A trace has no attempts: it is a part of its parent's. */
function attemptText({ action: { kind, state, policy } }: Call): string {
  if (kind === "trace") return "Traced in the attempt of its parent";
  if (state.attempt === 0) return "It never started";
  const most = policy.userRetries + 1;
  return state.attempt < most
    ? `Attempt ${state.attempt} of at most ${most}`
    : `Attempt ${state.attempt} of ${state.attempt}`;
}
