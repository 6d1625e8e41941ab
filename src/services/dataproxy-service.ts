/** flyteidl2.dataproxy.DataProxyService: uploads, downloads, inputs and outputs, logs. */
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import { create } from "@bufbuild/protobuf";
import { attemptIsOver } from "../domain/action.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { checkProjectName, type ProjectKey } from "../domain/ids.ts";
import { isTerminal } from "../domain/phase.ts";
import type { Principal } from "../domain/principal.ts";
import { attemptPrefix, uploadUri } from "../orchestrator/paths.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { AttemptKey } from "../domain/attempt.ts";
import { outputsUri } from "../domain/outputs.ts";
import type { LogLine } from "../logs/attempt-logs.ts";
import { decodeMessage } from "../wire/decode-message.ts";
import {
  ArtifactType,
  CreateDownloadLinkRequestSchema,
  DataProxyService,
  type CreateUploadLocationRequest,
  type UploadInputsRequest,
} from "../wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { LogLineOriginator, LogLineSchema } from "../wire/gen/flyteidl2/logs/dataplane/payload_pb.js";
import { InputsSchema, OutputsSchema } from "../wire/gen/flyteidl2/task/common_pb.js";
import { decodeActionId, decodeProjectId, decodeRunId, decodeTaskId } from "../wire/identifiers.ts";
import { encodeTime, decodeDuration } from "../wire/time.ts";
import { requestOrigin } from "./origin.ts";
import { topicOf } from "./change-feed.ts";
import type { ServiceContext } from "./context.ts";
import { withHeartbeat } from "./heartbeat.ts";
import { emptyInputs, storeInputs } from "./inputs.ts";
import { missingLog } from "./missing-log.ts";
import { keyOfUri } from "./object-keys.ts";
import { requireAction, requireRun } from "../store/require.ts";
import { principalOf } from "./principal.ts";

const DEFAULT_EXPIRY_SECONDS = 3_600;
const LONGEST_EXPIRY_SECONDS = 7 * 24 * 3_600;

type Needs = Pick<
  ServiceContext,
  "access" | "store" | "objects" | "logs" | "feed" | "bucket" | "clock" | "presign"
>;

export function registerDataProxyService(router: ConnectRouter, context: Needs): void {
  const { access, store, objects, logs, feed, bucket, clock } = context;

  const service: Partial<ServiceImpl<typeof DataProxyService>> = {
    createUploadLocation: async (request, handler) => {
      const scope = {
        project: checkProjectName(request.project, "project"),
        domain: checkProjectName(request.domain, "domain"),
      };
      await access.place(principalOf(handler), scope);
      const uri = uploadUri(bucket, scope, uploadRoot(request), fileName(request));
      const expiresInSeconds = expiry(request.expiresIn && decodeDuration(request.expiresIn) / 1_000);
      return {
        signedUrl: context.presign({ method: "PUT", origin: requestOrigin(handler), uri, expiresInSeconds }),
        nativeUrl: uri,
        expiresAt: encodeTime(clock.now() + expiresInSeconds * 1_000),
        headers: {},
      };
    },

    uploadInputs: async (request, handler) => {
      const by = principalOf(handler);
      if (request.baseDir !== "") {
        throw new BoxkiteError(
          "FIELD_NOT_SUPPORTED",
          "UploadInputsRequest.base_dir is set; inputs go into this server's own store",
        );
      }
      const scope = scopeOf(request);
      await access.place(by, scope);
      const ignored = await ignoredInputs(by, request);
      return {
        offloadedInputData: await storeInputs(context, scope, request.inputs ?? emptyInputs(), ignored),
      };
    },

    createDownloadLink: async (request, handler) => {
      const { artifactType, source } = request;
      if (source.case !== "actionAttemptId") {
        throw new BoxkiteError(
          "FIELD_NOT_SUPPORTED",
          `${CreateDownloadLinkRequestSchema.name}.${source.case ?? "source"}: only action_attempt_id is supported`,
        );
      }
      const record = await access.action(principalOf(handler), "read", decodeActionId(source.value.actionId));
      const uri = await artifactUri(record.key, artifactType, source.value.attempt || record.state.attempt);
      const found = await objects.head(keyOfUri(uri, bucket));
      if (found === undefined)
        throw new BoxkiteError(
          "OBJECT_NOT_FOUND",
          `action ${record.key.action} has no ${ArtifactType[artifactType]} yet`,
        );
      const expiresInSeconds = expiry(request.expiresIn && decodeDuration(request.expiresIn) / 1_000);
      return {
        preSignedUrls: {
          signedUrl: [
            context.presign({ method: "GET", origin: requestOrigin(handler), uri, expiresInSeconds }),
          ],
          expiresAt: encodeTime(clock.now() + expiresInSeconds * 1_000),
        },
      };
    },

    getActionData: async ({ actionId }, handler) => {
      const { inputUri, state, kind } = await access.action(
        principalOf(handler),
        "read",
        decodeActionId(actionId),
      );
      const outputsAt = outputsUri(kind, state.outputUri);
      const [inputs, outputs] = await Promise.all([readObject(inputUri), readObject(outputsAt)]);
      return {
        inputs: inputs ? decodeMessage(InputsSchema, inputs, inputUri ?? "") : create(InputsSchema),
        outputs: outputs ? decodeMessage(OutputsSchema, outputs, outputsAt ?? "") : create(OutputsSchema),
        inputsUri: inputUri,
        outputsUri: outputsAt ?? "",
      };
    },

    tailLogs: async function* (request, handler) {
      const { signal } = handler;
      if (request.podSelector.case === "podName") {
        throw new BoxkiteError(
          "FIELD_NOT_SUPPORTED",
          "TailLogsRequest.pod_name is set, and an attempt of this server has one log",
        );
      }
      if (request.connectorEndpoint !== undefined && request.connectorEndpoint !== "") {
        throw new BoxkiteError(
          "FIELD_NOT_SUPPORTED",
          "TailLogsRequest.connector_endpoint is set, and there are no connectors",
        );
      }
      const record = await access.action(principalOf(handler), "read", decodeActionId(request.actionId));
      const asked = request.attempt || undefined;
      const present = presentAttempt(record);
      if (asked !== undefined && asked > present.attempt) throw await noLog({ ...present, attempt: asked });
      for await (const lines of withHeartbeat(followLog(record, asked, signal), clock)) {
        yield lines === undefined ? {} : { logs: [{ lines: lines.map(encodeLine) }] };
      }
    },
  };
  router.service(DataProxyService, service);

  /** Throws NO_LOGS when there will be none. */
  async function* followLog(
    action: ActionRecord,
    asked: number | undefined,
    signal: AbortSignal,
  ): AsyncIterable<readonly LogLine[]> {
    const key = await waitForLog(action, asked, signal);
    if (key === undefined) return;
    yield* logs.read(key, { follow: true, isOver: () => isOver(key), signal });
  }

  async function noLog(key: AttemptKey): Promise<BoxkiteError> {
    const [run, record] = await Promise.all([requireRun(store, key), requireAction(store, key)]);
    return missingLog(run, record, key.attempt);
  }

  async function isOver(key: AttemptKey): Promise<boolean> {
    return attemptIsOver((await requireAction(store, key)).state, key.attempt);
  }

  /**
   * A log appears when its attempt is supervised. Of an action whose attempt nobody named, the present
   * one may end without a log, and the next one have one. Undefined when the signal aborts.
   */
  async function waitForLog(
    action: ActionRecord,
    asked: number | undefined,
    signal: AbortSignal,
  ): Promise<AttemptKey | undefined> {
    const subscription = feed.subscribe(topicOf.action(action.id), signal);
    try {
      while (!signal.aborted) {
        const record = await requireAction(store, action.key);
        const key = asked === undefined ? presentAttempt(record) : { ...action.key, attempt: asked };
        if (await logs.exists(key)) return key;
        const { phase } = record.state;
        if (asked === undefined ? isTerminal(phase) : attemptIsOver(record.state, asked))
          throw await noLog(key);
        await subscription.next();
      }
      return undefined;
    } finally {
      subscription.close();
    }
  }

  async function readObject(uri: string | undefined): Promise<Uint8Array | undefined> {
    return uri ? objects.readAll(keyOfUri(uri, bucket)) : undefined;
  }

  async function ignoredInputs(by: Principal, { task }: UploadInputsRequest): Promise<readonly string[]> {
    if (task.case === "taskSpec") return task.value.taskTemplate?.metadata?.cacheIgnoreInputVars ?? [];
    if (task.case !== "taskId") return [];
    return (await access.task(by, decodeTaskId(task.value))).spec.definition.cache?.ignoredInputs ?? [];
  }

  async function artifactUri(
    key: AttemptKey | Omit<AttemptKey, "attempt">,
    type: ArtifactType,
    attempt: number,
  ): Promise<string> {
    const run = await requireRun(store, key);
    if (type === ArtifactType.REPORT) return `${attemptPrefix(run.baseUri, key, attempt)}/report.html`;
    const record = await requireAction(store, key);
    const spec = record.specDigest === undefined ? undefined : await store.getSpec(record.specDigest);
    const [bundle] = spec?.definition.reads ?? [];
    if (type === ArtifactType.CODE_BUNDLE && bundle !== undefined) return bundle;
    throw new BoxkiteError(
      "OBJECT_NOT_FOUND",
      `action ${key.action} has no ${ArtifactType[type] ?? "such artifact"}`,
    );
  }
}

function presentAttempt({ key, state }: ActionRecord): AttemptKey {
  return { ...key, attempt: Math.max(1, state.attempt) };
}

function scopeOf({ id }: UploadInputsRequest): ProjectKey {
  if (id.case === "projectId") return decodeProjectId(id.value);
  if (id.case === "runId")
    return decodeRunId(id.value.name === "" ? { ...id.value, name: "unnamed" } : id.value);
  throw new BoxkiteError("INVALID_ARGUMENT", "neither run_id nor project_id is set");
}

/**
 * The place of an upload follows from its content, so that a client that remembers an upload (the SDK
 * does, for a day) still finds it, also after it was uploaded again.
 */
function uploadRoot(request: CreateUploadLocationRequest): string {
  if (request.filenameRoot !== "") return request.filenameRoot;
  if (request.contentMd5.length > 0) return Buffer.from(request.contentMd5).toString("hex");
  throw new BoxkiteError("INVALID_ARGUMENT", "neither filename_root nor content_md5 is set");
}

function fileName({ filename }: CreateUploadLocationRequest): string {
  if (filename !== "") return filename;
  throw new BoxkiteError("INVALID_ARGUMENT", "filename is empty");
}

function expiry(asked: number | undefined): number {
  const seconds = asked && asked > 0 ? Math.ceil(asked) : DEFAULT_EXPIRY_SECONDS;
  if (seconds <= LONGEST_EXPIRY_SECONDS) return seconds;
  throw new BoxkiteError(
    "LIMIT_EXCEEDED",
    `expires_in is ${seconds} s; a URL is valid for at most ${LONGEST_EXPIRY_SECONDS} s`,
  );
}

/** Clients print a message as it is: it carries its own line end (seen with flyte 2.12.1). */
function encodeLine(line: LogLine) {
  return create(LogLineSchema, {
    timestamp: encodeTime(line.atMs),
    message: `${line.text}\n`,
    originator: line.stream === "system" ? LogLineOriginator.SYSTEM : LogLineOriginator.USER,
  });
}
