/** Makes the document of a run, or of one of its actions, from the records. */
import type { ActionRecord } from "../../domain/action-record.ts";
import { ROOT_ACTION } from "../../domain/ids.ts";
import type { ResolvedImage } from "../../domain/image.ts";
import type { RunRecord } from "../../domain/run.ts";
import {
  DOCUMENT_VERSION,
  type FailureEntry,
  type RunDocument,
  type RunEntry,
} from "../../domain/run-document.ts";
import type { PageContext } from "../page-context.ts";
import { rootCause } from "../root-cause.ts";
import { actionEntry } from "./action-entry.ts";
import { imageEntries, MAX_IMAGES } from "./image-entry.ts";

type DocumentContext = Pick<
  PageContext,
  "store" | "objects" | "bucket" | "log" | "fingerprint" | "imagePlatform"
>;

/** Kinds of tasks that are counted. */
const MAX_TASKS = 200;

export async function runDocument(
  context: DocumentContext,
  run: RunRecord,
  record: ActionRecord,
): Promise<RunDocument> {
  const { store } = context;
  const isRoot = record.key.action === ROOT_ACTION;
  const [action, pinned] = await Promise.all([actionEntry(context, run, record), store.runImages(run.id)]);
  const used = isRoot
    ? pinned
    : imagesOf(action.attempts.at(-1)?.provenance.image, action.task?.image, pinned);
  const [images, tasks, failure] = await Promise.all([
    imageEntries(context, used.slice(0, MAX_IMAGES)),
    isRoot ? store.taskTotals(run.id, MAX_TASKS) : [],
    isRoot && hasFailed(run) ? failureEntry(context, run, record) : undefined,
  ]);
  return {
    version: DOCUMENT_VERSION,
    run: runEntry(run),
    action,
    images,
    omittedImages: used.length - images.length,
    tasks,
    ...(failure && { failure }),
  };
}

function hasFailed({ status }: RunRecord): boolean {
  return status === "failed" || status === "timed_out";
}

/** What the last attempt ran in; before that, what the run pinned for its task. */
function imagesOf(
  used: ResolvedImage | undefined,
  wanted: string | undefined,
  pinned: readonly ResolvedImage[],
): readonly ResolvedImage[] {
  return used === undefined ? pinned.filter(({ reference }) => reference === wanted) : [used];
}

async function failureEntry(
  context: DocumentContext,
  run: RunRecord,
  root: ActionRecord,
): Promise<FailureEntry | undefined> {
  const { path } = await rootCause(context.store, root);
  const cause = path.at(-1);
  return cause && { path: path.map(({ key }) => key.action), action: await actionEntry(context, run, cause) };
}

function runEntry({ key, status, createdBy, baseUri, settings }: RunRecord): RunEntry {
  const { labels, annotations, cache, maxConcurrency, queue, rawDataPrefix, recover } = settings;
  return {
    project: key.project,
    domain: key.domain,
    name: key.run,
    status,
    startedBy: createdBy.who,
    client: createdBy.client,
    baseUri,
    settings: {
      labels,
      annotations,
      overwriteCache: cache.overwrite,
      cacheOfSameProject: cache.sameProject,
      maxConcurrency,
      ...(queue !== undefined && { queue }),
      ...(rawDataPrefix !== undefined && { rawDataPrefix }),
      ...(recover && { recovers: recover.run }),
    },
  };
}
