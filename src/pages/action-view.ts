/** What is read to show one action. */
import type { ActionRecord } from "../domain/action-record.ts";
import { isSleep } from "../domain/sleep.ts";
import { ROOT_ACTION } from "../domain/ids.ts";
import type { PageContext } from "./page-context.ts";
import { detailSources } from "../services/detail-sources.ts";
import type { ResolvedImage } from "../domain/image.ts";
import type { DetailSources } from "../wire/details.ts";
import { hasEmptyLog } from "../services/log-exists.ts";
import { readCause, type Cause } from "./cause-box.ts";
import { readValues, type ActionValues } from "./action-values.ts";
import { readLogStatus, type LogStatus, type ShownLog } from "./log-status.ts";

export interface ActionView extends DetailSources {
  /** The image that the run pinned for this action's task, once it is resolved. */
  readonly image: ResolvedImage | undefined;
  readonly values: ActionValues;
  readonly log: ShownLog;
  /** Of an action that failed, but for the root: its run's page says it above. */
  readonly cause: Cause | undefined;
  readonly nowMs: number;
}

/** Is there a log to show, now or later? */
export function hasLog({ record, run }: Pick<ActionView, "record" | "run">): boolean {
  return record.kind === "task" && !isSleep(record) && run.logsRemovedAt === undefined;
}

type ViewContext = Pick<PageContext, "store" | "clock" | "objects" | "bucket" | "logs" | "log" | "inputs">;

/** `wantedAttempt`: whose log was asked for; the latest one otherwise. */
export async function viewAction(
  context: ViewContext,
  record: ActionRecord,
  wantedAttempt: number | undefined,
): Promise<ActionView> {
  const { store, clock } = context;
  const attempt = wantedAttempt ?? record.state.attempt;
  const [sources, images, values, written] = await Promise.all([
    detailSources(store, record),
    store.runImages(record.runId),
    readValues(context, record),
    readLogStatus(context, { ...record.key, attempt }),
  ]);
  const isFailed = record.state.phase === "failed" || record.state.phase === "timed_out";
  const cause =
    isFailed && record.parent !== undefined ? await readCause(context, sources.run, record) : undefined;
  const wanted = sources.spec?.definition.image;
  const pinned = images.find((image) => image.reference === wanted);
  return {
    ...sources,
    image: sources.attempts.at(-1)?.image ?? pinned,
    values,
    cause,
    log: { attempt, status: statusOf(written, sources, attempt) },
    nowMs: clock.now(),
  };
}

/** One that has run and written nothing has no file. */
function statusOf(
  written: LogStatus,
  { run, attempts }: Pick<ActionView, "run" | "attempts">,
  attempt: number,
): LogStatus {
  return written.kind === "absent" && hasEmptyLog(run, attempts, attempt) ? { kind: "empty" } : written;
}

/** The action that `?i=` names; names with `::` are groups of other consoles, shown as the whole run. */
export function chosenAction(query: URLSearchParams): string {
  const name = query.get("i") ?? "";
  return name === "" || name.includes("::") ? ROOT_ACTION : name;
}
