/** RunService.CreateRun: everything that a new run is made of. */
import type { ServiceImpl } from "@connectrpc/connect";
import { create, toBinary } from "@bufbuild/protobuf";
import { newRunName, ROOT_ACTION, type ProjectKey, type RunKey } from "../domain/ids.ts";
import { newTaskState } from "../domain/initial-state.ts";
import type { Principal } from "../domain/principal.ts";
import type { NewRun, RunSettings } from "../domain/run.ts";
import type { StoredSpec } from "../domain/task.ts";
import { runBaseUri } from "../orchestrator/paths.ts";
import { incomplete } from "../wire/incomplete.ts";
import { encodeRun } from "../wire/details.ts";
import { RunSpecSchema } from "../wire/gen/flyteidl2/task/run_pb.js";
import {
  CreateRunRequestSchema,
  type CreateRunRequest,
  type RunService,
} from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { decodeProjectId, decodeRunId, decodeTaskId } from "../wire/identifiers.ts";
import { hashInputs } from "../wire/literals/hash.ts";
import { objectUrisIn } from "../wire/literals.ts";
import { decodeSource } from "../wire/phase.ts";
import { requireStartable } from "../wire/program-start.ts";
import { requireSupported } from "../wire/support.ts";
import { cacheUseOf, decodeRunSpec, decodeTaskSpec, rootCacheKey } from "../wire/task-spec.ts";
import { decodeMoment } from "../wire/time.ts";
import type { ServiceContext } from "./context.ts";
import { emptyInputs, readInputs, storeInputs } from "./inputs.ts";
import { authoriseCode, authoriseReads, grantable, keyOfUri } from "./object-keys.ts";
import { principalOf } from "./principal.ts";
import { checkRawDataPrefix } from "./raw-data-prefix.ts";
import { seedsFrom } from "./recover.ts";
import { withSleep } from "./sleep-inputs.ts";

export type CreateRunContext = Pick<
  ServiceContext,
  "access" | "orchestrator" | "store" | "objects" | "rights" | "bucket" | "clock" | "runQuota" | "imageCheck"
>;
type Method = ServiceImpl<typeof RunService>["createRun"];

export function createRunMethod(context: CreateRunContext): Method {
  const { access, orchestrator, imageCheck, clock } = context;
  return async (request, handler) => {
    requireSupported(CreateRunRequestSchema, request);
    const by = principalOf(handler);
    const key = runKeyOf(request);
    await access.place(by, key);
    await access.authorise(by, "create", { kind: "run", key });
    await orchestrator.requireNewRun(key);
    const spec = await specOf(context, by, key, request);
    const { uri, hash, grants } = await inputsOf(
      context,
      by,
      request,
      key,
      spec.definition.cache?.ignoredInputs ?? [],
    );
    const settings = await settingsOf(context, by, request, key);
    requireStartable(spec.definition, settings.env);
    const cache = cacheUseOf(spec.definition, settings, rootCacheKey(spec.definition, hash));
    if (settings.recover) await access.run(by, "read", { ...key, run: settings.recover.run });
    const seeds = settings.recover ? await seedsFrom(context, key, settings.recover) : [];
    const now = clock.now();
    const startTime = request.runStartTime ?? request.runSpec?.runStartTime;
    const wanted: NewRun = {
      key,
      spec: toBinary(RunSpecSchema, request.runSpec ?? create(RunSpecSchema)),
      settings,
      baseUri: runBaseUri(context.bucket, key),
      source: decodeSource(request.source),
      createdAt: startTime === undefined ? now : decodeMoment(startTime, "the start time of the run"),
      createdBy: by,
      authority: await access.authorityOf(by),
    };
    const rootAction = await withSleep(context, {
      name: ROOT_ACTION,
      kind: "task",
      group: "",
      queue: settings.queue,
      spec,
      displayName: spec.definition.shortName || spec.definition.name,
      inputUri: uri,
      policy: spec.definition.policy,
      cache,
      state: newTaskState(now, cache),
      grants: [uri, ...grants, ...spec.definition.reads],
    });
    const { images, notes, whenRead } = await imageCheck.ofRun(wanted, rootAction);
    // After the check, which takes seconds and may refuse the run.
    await context.runQuota.count(key, settings.spawnedBy);
    const { run, root } = await orchestrator.createRun(wanted, rootAction, seeds, images);
    await orchestrator.noteRun(run, notes);
    whenRead((late) => orchestrator.noteRun(run, late));
    return { run: encodeRun({ run, root }) };
  };
}

function runKeyOf({ id }: CreateRunRequest): RunKey {
  switch (id.case) {
    case "runId":
      return decodeRunId({ ...id.value, name: id.value.name || newRunName() });
    case "projectId":
      return { ...decodeProjectId(id.value), run: newRunName() };
    default:
      throw incomplete("a run or a project");
  }
}

async function settingsOf(
  { access, bucket }: CreateRunContext,
  by: Principal,
  { runSpec }: CreateRunRequest,
  key: RunKey,
): Promise<RunSettings> {
  const settings = startedBy(decodeRunSpec(runSpec, key), by);
  // That run's tasks may end the new one, and its quota is used.
  if (settings.spawnedBy !== undefined)
    await access.authorise(by, "change", { kind: "run", key: settings.spawnedBy });
  if (settings.rawDataPrefix === undefined) return settings;
  const rawDataPrefix = checkRawDataPrefix(bucket, key, settings.rawDataPrefix);
  await access.authorise(by, "change", { kind: "object", key: keyOfUri(`${rawDataPrefix}/`, bucket) });
  return { ...settings, rawDataPrefix };
}

/** Whatever a task says, the run is started by its own. */
function startedBy(settings: RunSettings, { identity }: Principal): RunSettings {
  if (identity.kind !== "attempt") return settings;
  const { project, domain, run } = identity.key;
  return { ...settings, spawnedBy: { project, domain, run } };
}

async function specOf(
  context: CreateRunContext,
  by: Principal,
  scope: ProjectKey,
  { task }: CreateRunRequest,
): Promise<StoredSpec> {
  switch (task.case) {
    case "taskSpec": {
      const spec = decodeTaskSpec(task.value);
      await authoriseCode(context, by, scope, spec.definition.reads);
      return spec;
    }
    case "taskId":
      return (await context.access.task(by, decodeTaskId(task.value))).spec;
    default:
      throw incomplete("a task");
  }
}

/** Where the inputs are, and what they point at: the run may read both. */
async function inputsOf(
  context: CreateRunContext,
  by: Principal,
  { inputWrapper }: CreateRunRequest,
  scope: ProjectKey,
  ignored: readonly string[],
): Promise<{ uri: string; hash: string; grants: string[] }> {
  if (inputWrapper.case === "offloadedInputData") {
    const { uri, inputsHash } = inputWrapper.value;
    await authoriseReads(context, by, [uri]);
    const { literals } = await readInputs(context, uri);
    const grants = await grantable(context, objectUrisIn(literals));
    await authoriseReads(context, by, grants);
    return { uri, hash: inputsHash || hashInputs(literals, ignored), grants };
  }
  const inputs = inputWrapper.case === "inputs" ? inputWrapper.value : emptyInputs();
  const grants = await grantable(context, objectUrisIn(inputs.literals));
  await authoriseReads(context, by, grants);
  const { uri, inputsHash } = await storeInputs(context, scope, inputs, ignored);
  return { uri, hash: inputsHash, grants };
}
