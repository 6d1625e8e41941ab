/**
 * Reproductions over plain HTTP: `boxkite reproduce` begins one, runs its container on its own terminal, and ends it. Whoever
 * begins one has to be able to add an action to the run, since its program acts with the rights of the run.
 */
import { toBinary } from "@bufbuild/protobuf";
import type { AttemptStart } from "../domain/attempt-start.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { isSleep } from "../domain/sleep.ts";
import { actionKeyText, type ActionKey } from "../domain/ids.ts";
import type { Principal } from "../domain/principal.ts";
import type { StoredSpec } from "../domain/task.ts";
import type { ContainerArchive } from "../executors/attempt-options.ts";
import { requireAction } from "../store/require.ts";
import { InputsSchema } from "../wire/gen/flyteidl2/task/common_pb.js";
import type { ServiceContext } from "./context.ts";
import { emptyInputs, readInputs } from "./inputs.ts";
import { keyOfUri } from "./object-keys.ts";
import type { ReproductionOutcome } from "./reproduction-outcome.ts";
import { readOutcome } from "./reproduction-outcome.ts";
import { withInputs } from "./set-inputs.ts";

const PATH =
  /^\/v2\/domain\/([^/]+)\/project\/([^/]+)\/runs\/([^/]+)\/actions\/([^/]+)\/reproductions(?:\/([0-9a-f]+))?$/u;

export interface ReproductionPath {
  readonly action: ActionKey;
  /** Undefined: of all of the action. */
  readonly id: string | undefined;
}

export function reproductionsPath({ project, domain, run, action }: ActionKey): string {
  const [d, p, r, a] = [domain, project, run, action].map(encodeURIComponent);
  return `/v2/domain/${d}/project/${p}/runs/${r}/actions/${a}/reproductions`;
}

/** Undefined for what is no such path. */
export function parseReproductionPath(path: string): ReproductionPath | undefined {
  const [, ...parts] = PATH.exec(path) ?? [];
  try {
    const [domain, project, run, action] = parts.slice(0, 4).map((part) => decodeURIComponent(part ?? ""));
    if (!domain || !project || !run || !action) return undefined;
    return { action: { domain, project, run, action }, id: parts[4] };
  } catch {
    // Not the encoding of any name.
    return undefined;
  }
}

/** What `boxkite reproduce` asks for, as JSON. */
export interface BeginReproduction {
  readonly attempt?: number;
  /** Values for inputs, by name: JSON or plain text. */
  readonly set?: Readonly<Record<string, string>>;
}

/** What it gets. */
export interface BegunReproduction {
  readonly id: string;
  readonly attempt: number;
  readonly untilMs: number;
  readonly language: string;
  readonly engine: "podman" | "docker";
  readonly container: {
    readonly name: string;
    readonly body: Readonly<Record<string, unknown>>;
    readonly isolation?: string;
    /** In base64. */
    readonly archive?: string;
    readonly archives: readonly ContainerArchive[];
    /** How it is started; absent where the image is started as it is. */
    readonly start?: AttemptStart;
  };
  /** The objects that the task names as its code, with links to read them. */
  readonly code: readonly { readonly uri: string; readonly url: string }[];
}

export type ReproductionContext = Pick<
  ServiceContext,
  "access" | "store" | "objects" | "bucket" | "reproduce" | "reproductions" | "presign"
>;

const LINK_SECONDS = 600;

/** Throws INVALID_ARGUMENT, LIMIT_EXCEEDED, RUN_NOT_FOUND, ACTION_NOT_FOUND, PERMISSION_DENIED, IMAGE_* and ENGINE_*. */
export async function beginReproduction(
  context: ReproductionContext,
  by: Principal,
  key: ActionKey,
  body: string,
  { origin, signal }: { readonly origin: string; readonly signal: AbortSignal },
): Promise<BegunReproduction> {
  const { run, action, spec } = await requireTask(context, by, key);
  const { attempt, set = {} } = requestOf(body);
  const { reproduction, container } = await context.reproduce(
    {
      run,
      action,
      definition: spec.definition,
      attempt,
      ...(Object.keys(set).length > 0 && {
        storeInputs: ({ prefix }) => storeInputs(context, prefix, action.inputUri, spec, set),
      }),
    },
    signal,
  );
  const { archive, ...rest } = container;
  return {
    id: reproduction.id,
    attempt: reproduction.of.attempt,
    untilMs: reproduction.untilMs,
    language: spec.definition.type,
    engine: container.engine,
    container: { ...rest, ...(archive && { archive: archive.toString("base64") }) },
    code: spec.definition.reads.map((uri) => ({
      uri,
      url: context.presign({ method: "GET", origin, uri, expiresInSeconds: LINK_SECONDS, by }),
    })),
  };
}

/** Its identity is of no use afterwards, and its container is removed. Ending one that has ended is no error. */
export async function endReproduction(
  context: ReproductionContext,
  by: Principal,
  key: ActionKey,
  id: string,
): Promise<ReproductionOutcome> {
  const { spec } = await requireTask(context, by, key);
  const found = context.reproductions.find(id);
  // Run names are unique within their project and domain only.
  if (found === undefined || actionKeyText(found.of) !== actionKeyText(key)) return { kind: "nothing" };
  try {
    return await readOutcome(context, found.prefix, spec);
  } finally {
    context.reproductions.end(id);
  }
}

async function requireTask({ access, store }: ReproductionContext, by: Principal, key: ActionKey) {
  const run = await access.child(by, key, key.action);
  if (by.identity.kind === "attempt" || by.identity.kind === "reproduction")
    throw new BoxkiteError("INVALID_ARGUMENT", "a task has no terminal to run an action again on", {
      hint: "type boxkite reproduce RUN/ACTION on the machine of the server",
    });
  const action = await requireAction(store, key);
  const spec = action.kind === "task" ? await store.getSpec(action.specDigest ?? "") : undefined;
  if (spec !== undefined && !isSleep(action)) return { run, action, spec };
  const kind = isSleep(action) ? "sleep" : action.kind;
  throw new BoxkiteError("INVALID_ARGUMENT", `action ${key.action} is a ${kind}, which runs no program`, {
    hint:
      action.parent === undefined
        ? "reproduce an action of another run, whose task runs a program"
        : `reproduce the task that made it: boxkite reproduce ${key.run}/${action.parent}`,
  });
}

function requestOf(body: string): BeginReproduction {
  try {
    const { attempt, set } = JSON.parse(body || "{}") as Record<string, unknown>;
    const isSet = (value: unknown): value is Record<string, string> =>
      typeof value === "object" &&
      value !== null &&
      Object.values(value).every((text) => typeof text === "string");
    if ((attempt === undefined || Number.isInteger(attempt)) && (set === undefined || isSet(set)))
      return { ...(attempt !== undefined && { attempt: attempt as number }), ...(set && { set }) };
  } catch {
    // Refused below.
  }
  throw new BoxkiteError("INVALID_ARGUMENT", "the body is no request for a reproduction", {
    hint: 'send {"attempt": 1, "set": {"x": "3"}}, or nothing',
  });
}

async function storeInputs(
  context: ReproductionContext,
  prefix: string,
  inputUri: string,
  spec: StoredSpec,
  set: Readonly<Record<string, string>>,
): Promise<string> {
  const inputs = inputUri === "" ? emptyInputs() : await readInputs(context, inputUri);
  const uri = `${prefix}/inputs.pb`;
  const changed = withInputs(inputs, spec, set);
  await context.objects.put(keyOfUri(uri, context.bucket), toBinary(InputsSchema, changed));
  return uri;
}
