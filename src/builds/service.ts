/**
 * The image build service: a specification and files in, a reference by digest out.
 *
 * A build is answered without building where it was made before from the same base. Equal requests at the
 * same time share one build; it is stopped when the last of them is. A record is written only when the image
 * is where it was meant to be, so nothing half-done is ever found again; a build that was cut off starts
 * anew on the layers that it had finished.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BaseRecord, BuildRecord } from "../domain/build-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { formatImageReference, parseImageReference, pinnedReference } from "../images/reference.ts";
import type { BaseImageFacts } from "./base-facts.ts";
import { type BuildLog, createBuildLog } from "./build-log.ts";
import { BuildFailed, type EngineImage, type ImageBuilder } from "./builder.ts";
import { type RenderedContainerfile, renderContainerfile } from "./containerfile.ts";
import {
  CONTEXT_LIMITS,
  type ContextLimits,
  EMPTY_CONTEXT,
  refuseAbove,
  type UnpackedContext,
  unpackContext,
  type UploadedContext,
} from "./context.ts";
import { explainFailure } from "./failure.ts";
import { type ImageSpec, type SecretMount, secretId } from "../images/image-spec.ts";
import { readBaseFacts } from "./probe.ts";
import { isAlive, stopBuildsIn } from "../lib/processes.ts";
import { secretVariable } from "./secret-variable.ts";
import { type BuildTarget, formatTarget, lookupName, parseTarget, targetRepository } from "./target.ts";
import { layOut, writeSecrets } from "./workspace.ts";

export interface ImageBuildService {
  build(request: ImageBuildRequest): Promise<ImageBuildResult>;
  /** The answer to GetImage: the newest build of this name that is still good, `name:hash` as the SDK asks. */
  lookup(name: string): Promise<BuildRecord | undefined>;
  /** Ends and removes what builds of a server that died have left. Call it before the first build. */
  sweep(): Promise<void>;
}

export interface ImageBuildRequest {
  readonly spec: ImageSpec;
  /** context.tar.gz, or nothing where no layer needs files. */
  readonly context: UploadedContext | undefined;
  readonly target: string;
  /** Builds even what exists, and runs every step again. */
  readonly force: boolean;
  /** The value of a secret that a layer mounts; undefined where there is none. */
  readonly readSecret?: (secret: SecretMount) => Promise<string | undefined>;
  readonly onLog: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface ImageBuildResult {
  /** By digest wherever the engine can name it so. */
  readonly reference: string;
  readonly record: BuildRecord;
  /** False where an earlier build was the answer. */
  readonly built: boolean;
}

/** Where builds are recorded. `record` replaces what was there for the same target. */
export interface BuildStore {
  findByTarget(target: string): MaybePromise<BuildRecord | undefined>;
  /** Newest first. */
  findByName(name: string): MaybePromise<readonly BuildRecord[]>;
  record(build: BuildRecord): MaybePromise<void>;
}

type MaybePromise<T> = T | Promise<T>;

export interface RegistryResolver {
  /** The digest of a reference; undefined where the registry has none; rejects where it cannot be asked. */
  resolve(reference: string, signal?: AbortSignal): Promise<string | undefined>;
}

export interface ImageBuildServiceOptions {
  readonly builder: ImageBuilder;
  readonly store: BuildStore;
  readonly registry: RegistryResolver;
  readonly clock: Clock;
  readonly log: Logger;
  /** A folder of this service alone; each build works in one of its own below it. */
  readonly workDir: string;
  readonly limits?: ContextLimits;
}

export function createImageBuildService(options: ImageBuildServiceOptions): ImageBuildService {
  const flights = new Map<string, Flight>();
  const locks = new Map<string, Promise<unknown>>();
  const builds = new Builds(options);

  return {
    async build(request) {
      request.signal.throwIfAborted();
      const target = parseTarget(request.target);
      const { spec } = request;
      await mkdir(options.workDir, { recursive: true, mode: 0o700 });
      const folder = await mkdtemp(join(options.workDir, `${BUILD_PREFIX}${process.pid}-`));
      let handedOver = false;
      try {
        const contextDigest = await digestUpload(request, options.limits ?? CONTEXT_LIMITS);
        const plan: Plan = {
          request,
          target,
          spec,
          specDigest: digestOf(spec),
          folder,
        };
        const key = digestOf([formatTarget(target), plan.specDigest, contextDigest, request.force]);
        let flight = flights.get(key);
        if (flight === undefined) {
          handedOver = true;
          flight = startFlight((log, signal) =>
            inTurn(locks, formatTarget(target), () => builds.run(plan, log, signal)).finally(() =>
              rm(folder, { recursive: true, force: true }),
            ),
          );
          flights.set(key, flight);
          const mine = flight;
          const land = () => void (flights.get(key) === mine && flights.delete(key));
          // An aborted build takes no more passengers, even while it is still being cleared away.
          flight.aborted.addEventListener("abort", land, { once: true });
          flight.result.then(land, land);
        }
        return await board(flight, request);
      } finally {
        if (!handedOver) await rm(folder, { recursive: true, force: true });
      }
    },

    async lookup(name) {
      for (const record of await options.store.findByName(name)) {
        const good = await Promise.all([builds.baseIsUnchanged(record.base), builds.exists(record)]);
        if (good.every(Boolean)) return record;
      }
      return undefined;
    },

    async sweep() {
      const names = await readdir(options.workDir).catch(() => []);
      for (const name of names) {
        if (!(await isLeftOver(name))) continue;
        const folder = join(options.workDir, name);
        await stopBuildsIn(folder);
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

const BUILD_PREFIX = "build-";

/** A folder tells by its name who works in it: `boxkite images build` may run beside another. */
async function isLeftOver(name: string): Promise<boolean> {
  const owner = /^build-(\d+)-/.exec(name)?.[1];
  return owner !== undefined && (Number(owner) === process.pid || !(await isAlive(Number(owner))));
}

interface Plan {
  readonly request: ImageBuildRequest;
  readonly target: BuildTarget;
  readonly spec: ImageSpec;
  readonly specDigest: string;
  readonly folder: string;
}

/** One build and those who wait for it. */
interface Flight {
  readonly log: BuildLog;
  readonly result: Promise<ImageBuildResult>;
  readonly aborted: AbortSignal;
  readonly abort: (reason: unknown) => void;
  waiting: number;
}

function startFlight(run: (log: BuildLog, signal: AbortSignal) => Promise<ImageBuildResult>): Flight {
  const log = createBuildLog();
  const controller = new AbortController();
  const result = run(log, controller.signal);
  result.catch(() => {}); // Those who wait see it; there may be none left.
  return {
    log,
    result,
    aborted: controller.signal,
    abort: (reason) => controller.abort(reason),
    waiting: 0,
  };
}

async function board(flight: Flight, { onLog, signal }: ImageBuildRequest): Promise<ImageBuildResult> {
  flight.waiting++;
  const unsubscribe = flight.log.subscribe(onLog);
  const leave = Promise.withResolvers<never>();
  const abort = () => leave.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([flight.result, leave.promise]);
  } catch (error) {
    if (signal.aborted && flight.waiting === 1) {
      flight.abort(signal.reason);
      // The last one waits until nothing of the build is left.
      await flight.result.catch(() => {});
    }
    throw error;
  } finally {
    flight.waiting--;
    unsubscribe();
    signal.removeEventListener("abort", abort);
  }
}

/** One build of a target at a time: a second one most likely finds what the first has made. */
async function inTurn<T>(
  locks: Map<string, Promise<unknown>>,
  key: string,
  run: () => Promise<T>,
): Promise<T> {
  const before = locks.get(key);
  const mine = (async () => {
    await before?.catch(() => {});
    return await run();
  })();
  locks.set(key, mine);
  try {
    return await mine;
  } finally {
    if (locks.get(key) === mine) locks.delete(key);
  }
}

class Builds {
  readonly #options: ImageBuildServiceOptions;
  readonly #facts = new Map<string, BaseImageFacts>();

  constructor(options: ImageBuildServiceOptions) {
    this.#options = options;
  }

  async run(plan: Plan, log: BuildLog, signal: AbortSignal): Promise<ImageBuildResult> {
    signal.throwIfAborted();
    const { clock, builder, store } = this.#options;
    const startedAt = clock.now();
    const contextDir = join(plan.folder, "root");
    const context = await this.#unpack(plan, contextDir, signal);
    const base = await this.#resolveBase(plan.spec.baseImage, log, signal);

    const known = plan.request.force ? undefined : await store.findByTarget(formatTarget(plan.target));
    if (known !== undefined && isSameBuild(known, plan, context, base) && (await this.exists(known))) {
      log.write(`${known.reference} was built before from the same base: nothing to do`);
      return { reference: known.reference, record: known, built: false };
    }

    const facts = await this.#prepareBase(plan, base, log, signal);
    const rendered = renderContainerfile(plan.spec, facts, {
      digestOf: context.digestOf,
      mounts: builder.mounts,
      certificates: builder.certificates,
    });
    const { imageId } = await this.#build(plan, rendered, context, log, signal);
    if (base.source === "engine" && !builder.fromId) await this.#requireUnmoved(base);
    const final = await this.#publish(plan, imageId, log, signal);
    const [image, layers] = await Promise.all([builder.inspect(imageId), builder.history(imageId)]);
    const record: BuildRecord = {
      target: formatTarget(plan.target),
      name: lookupName(plan.target),
      specDigest: plan.specDigest,
      contextDigest: context.digest,
      containerfile: rendered.text,
      base,
      ...final,
      imageId,
      sizeBytes: image?.sizeBytes ?? 0,
      layers,
      createdAt: clock.now(),
      durationMs: clock.now() - startedAt,
    };
    await store.record(record);
    log.write(`Built ${record.reference}`);
    return { reference: record.reference, record, built: true };
  }

  async baseIsUnchanged(base: BaseRecord): Promise<boolean> {
    try {
      const now = await this.#resolveBase(base.reference, undefined);
      if (now.source === base.source) return now.digest === base.digest;
      // The registry could be asked then and cannot now, or the other way round: the engine knows both names.
      const [registry, engine] = now.source === "registry" ? [now, base] : [base, now];
      const image = await this.#options.builder.inspect(engine.digest);
      return image?.digests.some((name) => name.endsWith(`@${registry.digest}`)) ?? false;
    } catch (error) {
      // Without registry and engine there is nothing to compare with, and nothing to build from either.
      this.#options.log.warn("base image cannot be resolved; taking the recorded build", {
        base: base.reference,
        error,
      });
      return true;
    }
  }

  async exists(record: BuildRecord): Promise<boolean> {
    const { builder, registry } = this.#options;
    if (!record.pushed) return (await builder.inspect(record.reference)) !== undefined;
    try {
      return (await registry.resolve(record.reference)) !== undefined;
    } catch {
      // The registry is out of reach: the engine's own copy is what a run would use.
      return (await builder.inspect(record.imageId)) !== undefined;
    }
  }

  async #unpack(plan: Plan, contextDir: string, signal: AbortSignal): Promise<UnpackedContext> {
    const upload = join(contextDir, "context");
    await mkdir(upload, { recursive: true, mode: 0o755 });
    if (plan.request.context === undefined) return EMPTY_CONTEXT;
    return await unpackContext(await plan.request.context.open(), upload, this.#options.limits, signal);
  }

  /** The registry first; the engine's own image where no registry has it, or none can be asked. */
  async #resolveBase(text: string, log: BuildLog | undefined, signal?: AbortSignal): Promise<BaseRecord> {
    const reference = formatImageReference(parseImageReference(text));
    let refusal: unknown;
    try {
      const digest = await this.#options.registry.resolve(reference, signal);
      if (digest !== undefined) return { reference, source: "registry", digest };
    } catch (error) {
      signal?.throwIfAborted();
      refusal = error;
    }
    const image = await this.#options.builder.inspect(reference);
    if (image !== undefined) {
      log?.write(`Base ${reference}: no registry answers for it; taking the engine's own image ${image.id}`);
      return { reference, source: "engine", digest: image.id };
    }
    if (refusal !== undefined) throw refusal;
    throw new BoxkiteError(
      "IMAGE_NOT_FOUND",
      `base image ${reference} is neither in its registry nor in the engine`,
      {
        hint: "Check the name in flyte.Image.from_base(...), and push the base if it has never been pushed.",
      },
    );
  }

  async #prepareBase(
    plan: Plan,
    base: BaseRecord,
    log: BuildLog,
    signal: AbortSignal,
  ): Promise<BaseImageFacts> {
    const { builder } = this.#options;
    const from =
      base.source === "engine"
        ? base.digest
        : pinnedReference(parseImageReference(base.reference), base.digest);
    let image = await builder.inspect(from);
    if (image === undefined) {
      log.write(`Pulling ${base.reference} (${base.digest})`);
      await builder.pull(from, { onLog: log.write, signal });
      image = await builder.inspect(from);
    }
    if (image === undefined) {
      throw new BoxkiteError(
        "ENGINE_FAILED",
        `${builder.description} has pulled ${from} and does not know it`,
      );
    }
    this.#checkPlatform(plan.spec, image, base, log);
    const own = builder.fromId ? image.id.replace("sha256:", "") : base.reference;
    const name = base.source === "engine" ? own : from;
    const known = this.#facts.get(`${name} ${image.id}`);
    if (known !== undefined) return { ...known, reference: base.reference };
    const facts = await readBaseFacts(builder, base.reference, name, image);
    if (this.#facts.size > 200) this.#facts.clear();
    this.#facts.set(`${name} ${image.id}`, facts);
    return facts;
  }

  /** The build named its base by a tag of the engine: was it the recorded image all the time? */
  async #requireUnmoved(base: BaseRecord): Promise<void> {
    if ((await this.#options.builder.inspect(base.reference))?.id === base.digest) return;
    throw new BoxkiteError(
      "IMAGE_BUILD_FAILED",
      `base image ${base.reference} was replaced in the engine while an image was built on it`,
      { hint: "Run again: the new base is used then." },
    );
  }

  #checkPlatform(spec: ImageSpec, image: EngineImage, base: BaseRecord, log: BuildLog): void {
    const { builder } = this.#options;
    const own = `linux/${builder.architecture}`;
    if (image.architecture !== builder.architecture) {
      throw new BoxkiteError(
        "IMAGE_WRONG_PLATFORM",
        `base image ${base.reference} is for ${image.architecture}, the builder runs on ${builder.architecture}`,
        {
          hint: `Publish the base for ${own} too, or build where the base runs.`,
        },
      );
    }
    if (spec.platforms.length === 0) return;
    if (!spec.platforms.includes(own)) {
      throw new BoxkiteError(
        "IMAGE_WRONG_PLATFORM",
        `platform ${spec.platforms.join(", ")} is asked for; the builder makes ${own}`,
        {
          hint: `Add ${own} to platform=, or leave platform= out.`,
        },
      );
    }
    const others = spec.platforms.filter((platform) => platform !== own);
    if (others.length > 0)
      log.write(`Note: ${others.join(", ")} is not built; this builder makes ${own} only`);
  }

  async #build(
    plan: Plan,
    rendered: RenderedContainerfile,
    context: UnpackedContext,
    log: BuildLog,
    signal: AbortSignal,
  ): Promise<{ imageId: string }> {
    const { builder } = this.#options;
    const containerfile = await layOut(plan.folder, plan.spec, rendered, context);
    const secrets = await writeSecrets(plan.folder, rendered.secrets, async (secret) => {
      const value = await plan.request.readSecret?.(secret);
      if (value !== undefined) return value;
      throw new BoxkiteError(
        "INVALID_ARGUMENT",
        `secret ${secretId(secret)}, which a layer of the image mounts, does not exist`,
        {
          hint: `set the variable ${secretVariable(secret)} where the server starts, and start it again`,
        },
      );
    });
    try {
      return await builder.build({
        containerfile,
        contextDir: join(plan.folder, "root"),
        scratchDir: plan.folder,
        secrets,
        noCache: plan.request.force,
        onLog: log.write,
        signal,
      });
    } catch (error) {
      if (error instanceof BuildFailed) throw explainFailure(error, rendered.steps);
      throw error;
    }
  }

  /** Pushes, or gives the image its name in the engine. Until then it has none, and nobody can find it. */
  async #publish(
    plan: Plan,
    imageId: string,
    log: BuildLog,
    signal: AbortSignal,
  ): Promise<Pick<BuildRecord, "reference" | "pushed" | "digest">> {
    const { builder } = this.#options;
    signal.throwIfAborted();
    const name = formatTarget(plan.target);
    if (plan.target.registry !== undefined) {
      log.write(`Pushing ${name}`);
      const transfer = { scratchDir: plan.folder, onLog: log.write, signal };
      const digest = await builder.push(imageId, name, transfer);
      // The engine keeps the image under its name: a task that starts here has no need to pull.
      await builder.tag(imageId, name);
      return { reference: `${targetRepository(plan.target)}@${digest}`, pushed: true, digest };
    }
    await builder.tag(imageId, name);
    const image = await builder.inspect(name);
    const pinned = image?.digests.find((reference) =>
      reference.startsWith(`${targetRepository(plan.target)}@`),
    );
    // An engine that has no digest for what it has not pushed knows it by its tag, which is a hash already.
    return pinned === undefined
      ? { reference: name, pushed: false, digest: image?.id ?? imageId }
      : { reference: pinned, pushed: false, digest: pinned.slice(pinned.indexOf("@") + 1) };
  }
}

function isSameBuild(known: BuildRecord, plan: Plan, context: UnpackedContext, base: BaseRecord): boolean {
  return (
    known.specDigest === plan.specDigest &&
    known.contextDigest === context.digest &&
    known.base.source === base.source &&
    known.base.digest === base.digest
  );
}

/** Tells equal uploads; one that is too large is refused before it is read. */
async function digestUpload(
  { context, signal }: ImageBuildRequest,
  { archiveBytes }: ContextLimits,
): Promise<string> {
  if (context === undefined) return "";
  refuseAbove(context.sizeBytes, archiveBytes, "the uploaded build context");
  const hash = createHash("sha256");
  for await (const chunk of await context.open()) {
    signal.throwIfAborted();
    hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}

/** Of a value whose meaning does not depend on the order of its keys. */
function digestOf(value: unknown): string {
  const sorted = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
  return createHash("sha256").update(sorted).digest("hex");
}
