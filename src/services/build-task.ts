/**
 * The task `build-image` of project `system`, domain `production`: what the SDK runs to have an image
 * built (seen with flyte 2.12.1). Its runs are ordinary ones; the server carries them out itself.
 */
import type { AttemptKey, LogSink } from "../domain/attempt.ts";
import { create, toBinary } from "@bufbuild/protobuf";
import { BoxkiteError, messageOf, textOf } from "../domain/errors.ts";
import { LOCAL } from "../domain/principal.ts";
import type { RunRecord } from "../domain/run.ts";
import { isTrustedRun } from "../domain/trust.ts";
import type { Catalog } from "../orchestrator/catalog.ts";
import { ERROR_FILE, outputsUri } from "../domain/outputs.ts";
import { attemptPrefix } from "../orchestrator/paths.ts";
import type { AttemptSpec } from "../executors/executor.ts";
import type { UploadedContext } from "../builds/context.ts";
import type { SecretMount } from "../images/image-spec.ts";
import type { ImageBuildService } from "../builds/service.ts";
import type { InProcessWork } from "../executors/in-process-executor.ts";
import type { Clock } from "../lib/clock.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { requireAction, requireRun } from "../store/require.ts";
import type { StoreReader } from "../store/reader.ts";
import { decodeMessage } from "../wire/decode-message.ts";
import {
  ContainerError_Kind,
  ErrorDocumentSchema,
  ExecutionError_ErrorKind,
} from "../wire/gen/flyteidl2/core/execution_pb.js";
import { SimpleType } from "../wire/gen/flyteidl2/core/types_pb.js";
import { InputsSchema, OutputsSchema, type Inputs } from "../wire/gen/flyteidl2/task/common_pb.js";
import { TaskSpecSchema } from "../wire/gen/flyteidl2/task/task_definition_pb.js";
import { decodeImageSpec } from "../wire/image-spec.ts";
import { decodeTaskSpec } from "../wire/task-spec.ts";
import { OWN_PROJECT } from "./access.ts";
import type { RunKey } from "../domain/ids.ts";
import type { ObjectRights } from "../orchestrator/object-rights.ts";
import { type BuildScopes, isSeparated, requirePushFor, requireSecretFor } from "./build-rules.ts";
import { keyOfUri } from "./object-keys.ts";
import type { UnusedImages } from "./unused-images.ts";

export const BUILD_TASK = { project: OWN_PROJECT, domain: "production", name: "build-image" } as const;

/** No registry has a name like this: it stands for the server itself. */
const REFERENCE = "boxkite.internal/build-image";
const INPUTS = ["spec", "context", "target_image"] as const;
const MAX_SPEC_BYTES = 4 * 1024 ** 2;

/** Deployed at start, under the version of the program, so that the SDK finds it like any other task. */
export async function deployBuildTask(catalog: Catalog, version: string): Promise<void> {
  const string = { type: { case: "simple" as const, value: SimpleType.STRING } };
  const spec = create(TaskSpecSchema, {
    shortName: BUILD_TASK.name,
    environment: { name: "boxkite" },
    taskTemplate: {
      id: { ...BUILD_TASK, version },
      type: "python",
      metadata: { retries: { retries: 0 } },
      interface: {
        inputs: { variables: INPUTS.map((key) => ({ key, value: { type: string } })) },
        outputs: { variables: [{ key: "o0", value: { type: string } }] },
      },
      target: { case: "container", value: { image: REFERENCE } },
    },
  });
  await catalog
    .deployTask({ ...BUILD_TASK, version }, decodeTaskSpec(spec), LOCAL)
    .catch((error: unknown) => {
      // By an earlier start of the same program.
      if (!(error instanceof BoxkiteError && error.code === "TASK_EXISTS")) throw error;
    });
}

export interface BuildWorkOptions {
  readonly store: StoreReader;
  readonly objects: ObjectStore;
  readonly bucket: string;
  /** Undefined where nothing can build images. */
  readonly builds: ImageBuildService | undefined;
  readonly unusedImages: UnusedImages;
  readonly rights: Pick<ObjectRights, "mayRead">;
  /** Which projects may use what of the server. */
  readonly scopes: BuildScopes;
  /** The value of a secret that a layer mounts; undefined where there is none. */
  readonly readSecret: (secret: SecretMount) => string | undefined;
  /** Records a build that has ended, with what it failed of. */
  readonly onEnded?: (run: RunRecord, target: string, error?: unknown) => void;
  readonly clock: Clock;
}

export function buildImageWork(options: BuildWorkOptions): InProcessWork {
  const { objects, bucket } = options;
  return {
    reference: REFERENCE,
    run: async (spec, logs, signal) => {
      // From the store, not from the arguments: a task that names this image has the rights of its own run only.
      const { inputUri, outputPrefix } = await placesOf(options.store, spec.key);
      const ended = options.unusedImages.building();
      try {
        const reference = await build(options, spec, inputUri, logs, signal);
        await objects.put(keyOfUri(outputsUri("task", outputPrefix), bucket), encodeOutput(reference));
      } catch (error) {
        // Not a failure of the build: its action has ended, or the server stops and will build again.
        if (signal.aborted) throw error;
        // The attempt is lost, and another one builds again: nothing is wrong with the image.
        if (error instanceof BoxkiteError && error.recoverable) throw error;
        options.unusedImages.refused();
        // The orchestrator writes it to the log.
        const message = error instanceof BoxkiteError ? textOf(error) : messageOf(error);
        await objects.put(keyOfUri(`${outputPrefix}/${ERROR_FILE}`, bucket), encodeError(error, message));
      } finally {
        ended();
      }
    },
  };
}

async function placesOf(
  store: StoreReader,
  key: AttemptKey,
): Promise<{ readonly inputUri: string; readonly outputPrefix: string }> {
  const [run, action] = await Promise.all([requireRun(store, key), requireAction(store, key)]);
  return { inputUri: action.inputUri, outputPrefix: attemptPrefix(run.baseUri, key, key.attempt) };
}

async function build(
  options: BuildWorkOptions,
  spec: AttemptSpec,
  inputUri: string,
  logs: LogSink,
  signal: AbortSignal,
): Promise<string> {
  const { store, objects, bucket, builds } = options;
  if (builds === undefined) {
    throw new BoxkiteError(
      "ENGINE_UNREACHABLE",
      "this server cannot build images: it runs without a container engine",
      {
        hint: 'its tasks are processes and need no image: name any, as in image="none" (TypeScript: image.builder: none in the configuration); or start the server with --engine podman or --engine docker',
        recoverable: false,
      },
    );
  }
  const inputs = decodeMessage(InputsSchema, await required(objects, bucket, inputUri), inputUri);
  const target = stringInput(inputs, "target_image");
  const run = await requireRun(store, spec.key);
  const reference = await buildFor(run, { ...options, builds }, { inputs, target }, logs, signal).catch(
    (error: unknown) => {
      if (!signal.aborted) options.onEnded?.(run, target, error);
      throw error;
    },
  );
  options.onEnded?.(run, target);
  return reference;
}

async function buildFor(
  run: RunRecord,
  options: BuildWorkOptions & { readonly builds: ImageBuildService },
  { inputs, target }: { readonly inputs: Inputs; readonly target: string },
  logs: LogSink,
  signal: AbortSignal,
): Promise<string> {
  const { objects, bucket, builds, unusedImages, readSecret, scopes, clock } = options;
  const image = stringInput(inputs, "spec");
  const context = stringInput(inputs, "context");
  requirePushFor(run, target, scopes);
  for (const uri of [image, context]) if (uri !== "") await requireReadable(options, run.key, uri);
  const separated = isSeparated(run);
  const result = await builds.build({
    spec: decodeImageSpec(await specification(objects, bucket, image)),
    context: context === "" ? undefined : await uploadedContext(objects, bucket, context),
    target,
    owner: { project: run.key.project, domain: run.key.domain },
    separated,
    // Steps can put packages into it: those of another project, and of a task, are not trusted with that.
    downloadCache: !separated && run.settings.spawnedBy === undefined,
    // What the SDK sends for `force`: the result of an earlier build is not to be used.
    force: run.settings.cache.overwrite,
    isTrusted: isTrustedRun(run),
    readSecret: async (secret) => {
      requireSecretFor(run, secret, scopes);
      return readSecret(secret);
    },
    onLog: (line) => logs.write("stdout", line, clock.now()),
    signal,
  });
  unusedImages.handedOut(result.record);
  logs.write("system", `${result.built ? "built" : "found"} ${result.reference}`, clock.now());
  return result.reference;
}

/** Strings grant nothing: what they name was uploaded to the run's own project, or the run may read it. */
async function requireReadable(
  { bucket, rights }: BuildWorkOptions,
  run: RunKey,
  uri: string,
): Promise<void> {
  const key = keyOfUri(uri, bucket);
  const isOwnUpload = key.startsWith(`${run.project}/${run.domain}/uploads/`);
  if (isOwnUpload || (await rights.mayRead(run, key))) return;
  throw new BoxkiteError("PERMISSION_DENIED", `run ${run.run} may not read ${uri}`, {
    hint: `upload it to the project and domain of the build, ${run.project}/${run.domain}`,
  });
}

async function specification(objects: ObjectStore, bucket: string, uri: string): Promise<Uint8Array> {
  const info = await objects.head(keyOfUri(uri, bucket));
  if (info === undefined) throw missingObject(uri);
  if (info.size > MAX_SPEC_BYTES) {
    throw new BoxkiteError("LIMIT_EXCEEDED", `the image specification has ${info.size} bytes`, {
      hint: `it has at most ${MAX_SPEC_BYTES}; files belong into its context`,
    });
  }
  return await required(objects, bucket, uri);
}

async function uploadedContext(objects: ObjectStore, bucket: string, uri: string): Promise<UploadedContext> {
  const key = keyOfUri(uri, bucket);
  const info = await objects.head(key);
  if (info === undefined) throw missingObject(uri);
  return { sizeBytes: info.size, open: () => objects.read(key) };
}

async function required(objects: ObjectStore, bucket: string, uri: string): Promise<Uint8Array> {
  const bytes = await objects.readAll(keyOfUri(uri, bucket));
  if (bytes) return bytes;
  throw missingObject(uri);
}

function missingObject(uri: string): BoxkiteError {
  return new BoxkiteError("OBJECT_NOT_FOUND", `there is nothing at ${uri}: was it uploaded?`, {
    hint: "upload it again, and start another build",
  });
}

function stringInput(inputs: Inputs, name: (typeof INPUTS)[number]): string {
  const literal = inputs.literals.find((input) => input.name === name)?.value?.value;
  const scalar = literal?.case === "scalar" ? literal.value.value : undefined;
  // An optional string comes as a union of itself and nothing.
  const inner =
    scalar?.case === "union" && scalar.value.value?.value.case === "scalar"
      ? scalar.value.value.value.value.value
      : scalar;
  const primitive = inner?.case === "primitive" ? inner.value.value : undefined;
  return primitive?.case === "stringValue" ? primitive.value : "";
}

function encodeOutput(text: string): Uint8Array {
  const primitive = { value: { case: "stringValue" as const, value: text } };
  const value = {
    value: { case: "scalar" as const, value: { value: { case: "primitive" as const, value: primitive } } },
  };
  return toBinary(OutputsSchema, create(OutputsSchema, { literals: [{ name: "o0", value }] }));
}

function encodeError(error: unknown, message: string): Uint8Array {
  const ours = error instanceof BoxkiteError ? error : undefined;
  const document = create(ErrorDocumentSchema, {
    error: {
      code: ours?.code ?? "InternalError",
      message,
      kind: ContainerError_Kind.NON_RECOVERABLE,
      origin: ours?.kind === "user" ? ExecutionError_ErrorKind.USER : ExecutionError_ErrorKind.SYSTEM,
    },
  });
  return toBinary(ErrorDocumentSchema, document);
}
