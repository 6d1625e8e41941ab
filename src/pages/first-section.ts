/** What to know first of a run, above everything else: what failed, what is asked, or why it waits. */
import { isQueued } from "../domain/action.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { RunRecord } from "../domain/run.ts";
import type { TaskDefinition } from "../domain/task.ts";
import { NEVER } from "../domain/transition.ts";
import { callLink, linkTo, type Call } from "./call.ts";
import { causeBox, readCause, type Cause } from "./cause-box.ts";
import { conditionForm, questionText } from "./condition-form.ts";
import { html, NOTHING, type Html } from "./html.ts";
import type { PageContext } from "./page-context.ts";
import { callOf, callsOf } from "./short-inputs.ts";
import { waitBox, type Wait } from "./wait-box.ts";
import { firstLine } from "./waiting.ts";

/** Questions that are shown at once. */
const MAX_QUESTIONS = 10;
/** Runs that wait ahead of this one are counted up to this number. */
const MAX_AHEAD = 1_000;

interface Question {
  readonly condition: ActionRecord;
  readonly asker: Call;
}

export type First =
  | { readonly kind: "nothing" }
  | { readonly kind: "failed"; readonly cause: Cause }
  | { readonly kind: "asks"; readonly questions: readonly Question[]; readonly hasMore: boolean }
  | { readonly kind: "waits"; readonly waits: readonly Wait[]; readonly nowMs: number };

export type FirstContext = Pick<PageContext, "store" | "inputs" | "clock">;

export async function readFirst(context: FirstContext, run: RunRecord, root: ActionRecord): Promise<First> {
  switch (run.status) {
    case "failed":
    case "timed_out":
      return { kind: "failed", cause: await readCause(context, run, root) };
    case "paused":
      return readQuestions(context, run);
    case "queued":
      return readWaits(context, [root]);
    case "running":
      return readWaits(context, (await context.store.waitingActions(run.id)).filter(isHeldUp));
    case "succeeded":
    case "aborted":
      return { kind: "nothing" };
  }
}

/** Children in a queue are nothing unusual; these wait for resources, a full queue or the delay before a retry. */
function isHeldUp({ parent, state }: ActionRecord): boolean {
  return (
    parent !== undefined && state.notBefore !== NEVER && (state.reason !== undefined || state.attempt > 0)
  );
}

async function readQuestions(context: FirstContext, run: RunRecord): Promise<First> {
  const { store } = context;
  const paused = await store.pausedActions(run.id, MAX_QUESTIONS + 1);
  const questions = await Promise.all(
    paused.slice(0, MAX_QUESTIONS).map(async (condition): Promise<Question[]> => {
      const asker = await store.getAction({ ...run.key, action: condition.parent ?? "" });
      return asker === undefined ? [] : [{ condition, asker: await callOf(context, asker) }];
    }),
  );
  return { kind: "asks", questions: questions.flat(), hasMore: paused.length > MAX_QUESTIONS };
}

async function readWaits(
  { store, inputs, clock }: FirstContext,
  actions: readonly ActionRecord[],
): Promise<First> {
  const nowMs = clock.now();
  const waits = await Promise.all(
    (await callsOf(inputs, actions)).map(async (call): Promise<Wait> => {
      const { state } = call.action;
      const mayStart = isQueued(state) && state.notBefore <= nowMs;
      const ahead = mayStart ? await store.runsAhead(call.action, MAX_AHEAD) : 0;
      return { ...call, ahead, isMore: ahead === MAX_AHEAD, definition: await definitionOf(store, call) };
    }),
  );
  return { kind: "waits", waits, nowMs };
}

async function definitionOf(
  store: FirstContext["store"],
  { action }: Call,
): Promise<TaskDefinition | undefined> {
  return action.specDigest === undefined ? undefined : (await store.getSpec(action.specDigest))?.definition;
}

/** `chosen`: the action that is shown in detail. */
export function firstSection(first: First, chosen: string): Html {
  switch (first.kind) {
    case "nothing":
      return NOTHING;
    case "failed":
      return causeBox(first.cause, chosen);
    case "waits":
      return html`${first.waits.map((wait) => waitBox(wait, first.nowMs))}`;
    case "asks":
      return html`${questionsHtml(first.questions, chosen)}
      ${first.hasMore && html`<p class="quiet">More questions wait: they are the paused actions below.</p>`}`;
  }
}

/** One that is chosen is asked there: of the others only links are left. */
function questionsHtml(questions: readonly Question[], chosen: string): Html {
  const others = questions.filter(({ condition }) => condition.key.action !== chosen);
  if (others.length === questions.length) return html`${others.map(questionHtml)}`;
  const links = others.map(
    ({ condition }) => html`<li>${linkTo(condition.key, firstLine(questionText(condition)))}</li>`,
  );
  return links.length === 0
    ? NOTHING
    : html`<div class="box note">
        <p class="box-title">Other questions of this run</p>
        <ul>
          ${links}
        </ul>
      </div>`;
}

function questionHtml({ condition, asker }: Question): Html {
  return html`<div>
    ${conditionForm(condition)}
    <p class="asked quiet">Condition ${linkTo(condition.key, condition.displayName)} of ${callLink(asker)}</p>
  </div>`;
}

export function firstHtml(content: Html): Html {
  const isEmpty = content.toString() === "";
  return html`<section id="first" class="first" aria-label="What to know first" ${isEmpty && html` hidden`}>
    ${content}
  </section>`;
}
