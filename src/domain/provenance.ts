/** Where the result of an attempt comes from: one value out of what is recorded of the attempt and of its task. */
import type { Adaptation } from "./adaptation.ts";
import { describeWarmStart } from "./describe-warm-start.ts";
import type { AttemptRecord } from "./attempt.ts";
import type { AttemptStart } from "./attempt-start.ts";
import type { ResolvedImage } from "./image.ts";
import type { TaskDefinition } from "./task.ts";

export interface Provenance {
  /** Undefined before it is resolved. */
  readonly image?: ResolvedImage;
  readonly base?: AttemptStart["base"];
  readonly code: CodeOrigin;
  readonly interpreter?: AttemptStart["interpreter"];
  /** Of the SDK whose runtime ran the task. */
  readonly sdk?: AttemptStart["sdk"];
  /** Of the SDK that sent the task. */
  readonly sentBy?: TaskDefinition["sentBy"];
  readonly engine?: string;
  /** Of an attempt that was started in a worker. */
  readonly warm?: AttemptStart["warm"];
  /** Of one that was not, although its task has a reuse policy: why. */
  readonly cold?: AttemptStart["cold"];
  /** Variables that the server added, since nobody had set them. */
  readonly defaults?: AttemptStart["defaults"];
  /** Undefined where it is not recorded how the attempt was started. */
  readonly adaptations?: readonly Adaptation[];
}

export interface CodeOrigin {
  /** Of the archives that were sent with the task; without one its code is in the image. */
  readonly bundles: readonly string[];
  readonly source?: SourceLink;
}

export interface SourceLink {
  readonly url: string;
  /** Undefined where the URL has none. */
  readonly commit?: string;
  /** The checkout had changes that are not in the commit. */
  readonly isChanged?: true;
}

export function provenanceOf(
  { image, start }: Pick<AttemptRecord, "image" | "start">,
  task: Pick<TaskDefinition, "reads" | "sourceUrl" | "sentBy"> | undefined,
): Provenance {
  return {
    ...(image && { image }),
    ...(start?.base && { base: start.base }),
    code: codeOf(task),
    ...(start?.interpreter && { interpreter: start.interpreter }),
    ...(start?.sdk && { sdk: start.sdk }),
    ...(task?.sentBy && { sentBy: task.sentBy }),
    ...(start && { engine: start.engine, adaptations: start.adaptations }),
    ...(start?.warm && { warm: start.warm }),
    ...(start?.cold !== undefined && { cold: start.cold }),
    ...(start?.defaults && { defaults: start.defaults }),
  };
}

function codeOf(task: Pick<TaskDefinition, "reads" | "sourceUrl"> | undefined): CodeOrigin {
  const { reads = [], sourceUrl } = task ?? {};
  return { bundles: reads, ...(sourceUrl !== undefined && { source: sourceLink(sourceUrl) }) };
}

/**
 * As flyte 2.12.1 writes it for GitHub and GitLab (flyte/git/_config.py): `…/blob/COMMIT/path/of/file.py#L12`, and without
 * the line where the checkout has changes.
 */
const COMMIT = /\/blob\/([0-9a-f]{7,64})\//u;
const LINE = /#L\d+$/u;

function sourceLink(url: string): SourceLink {
  const commit = COMMIT.exec(url)?.[1];
  if (commit === undefined) return { url };
  return LINE.test(url) ? { url, commit } : { url, commit, isChanged: true };
}

/** For people; undefined where nothing is to be said of it. */
export function describeStart({ warm, cold }: Pick<Provenance, "warm" | "cold">): string | undefined {
  if (warm !== undefined) return describeWarmStart(warm);
  return cold === undefined ? undefined : `cold: ${cold}`;
}

/** For people: `_F_MAX_QPS=1000, _F_P_CNC=2500`. */
export function describeDefaults({ defaults }: Pick<Provenance, "defaults">): string | undefined {
  return (
    defaults &&
    Object.entries(defaults)
      .map(([name, value]) => `${name}=${value}`)
      .join(", ")
  );
}

/** For people: `the bundle s3://…, commit 1234abcd`. */
export function describeCode({ bundles, source }: CodeOrigin): string {
  const code = bundles.length === 0 ? "in the image" : bundles.join(", ");
  return source?.commit === undefined ? code : `${code}, ${describeCommit(source)}`;
}

/** Empty where none is known. */
export function describeCommit({ commit, isChanged }: SourceLink): string {
  if (commit === undefined) return "";
  return `commit ${commit.slice(0, SHORT_COMMIT)}${isChanged === true ? " with changes" : ""}`;
}

const SHORT_COMMIT = 12;

export function describeProgram({
  path,
  version,
}: {
  readonly path: string;
  readonly version: string;
}): string {
  return `${version} (${path})`;
}
