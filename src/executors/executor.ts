/**
 * Where attempts run. An executor starts one attempt of an action, reports its end, and can find
 * it again after the server was restarted. It decides nothing: no retry, no phase, no outcome. That
 * an attempt exited with code 0 says nothing yet; the orchestrator reads what it wrote.
 *
 * An attempt is the one kind of workload so far: it ends. A service with a port will be a second one, with a
 * specification and an observer of its own (ready, not ready) beside these, in the same executors.
 */
import type { AttemptExit, AttemptKey, LogSink, LimitFacts } from "../domain/attempt.ts";
import type { AttemptStart } from "../domain/attempt-start.ts";
import type { RunKey } from "../domain/ids.ts";
import type { ResultFile } from "../domain/outputs.ts";
import type { ResolvedImage } from "../domain/image.ts";
import type { WarmStartSetting } from "../domain/warm-start.ts";
import type { ImagePlatform } from "../images/registry/platform.ts";
import type { ResourceAmounts, SharedMemoryBytes } from "../domain/task.ts";
import type { AttemptDemands, Refusal } from "./attempt-options.ts";
import type { Interactive } from "./interactive.ts";
import type { ImageChecker } from "./image-checker.ts";
import type { PoolState } from "../domain/pool-state.ts";

export interface AttemptSpec extends AttemptDemands {
  readonly key: AttemptKey;
  /** What to run, resolved: the image is started by its digest or id, never by a tag. */
  readonly image: ResolvedImage;
  /** Replaces the image's ENTRYPOINT when not empty; empty keeps it, as Kubernetes' `command` does. */
  readonly command: readonly string[];
  /** Passed to the ENTRYPOINT, as Kubernetes' `args`. */
  readonly args: readonly string[];
  /** Added to the image's own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly sharedMemoryBytes?: SharedMemoryBytes;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether its image may be pulled from any host: see lib/egress.ts. @default false */
  readonly isTrusted?: boolean;
  /** Starts its image as a black box: nothing is adapted to it. @default false */
  readonly isStrict?: boolean;
  /** Of `env`, the names whose values are this attempt's own; all others are the same for every attempt of its task in its run. */
  readonly ownVariables?: readonly string[];
  /** The action of its run that started it, and may wait for it; absent for the root. */
  readonly parent?: string;
  /** Whether it may start in a container that was made before. @default that of the executor */
  readonly warmStart?: WarmStartSetting;
  /** For an executor that reads its inputs and stores its result itself. Absent: only the attempt does. */
  readonly objects?: AttemptObjects;
}

/** What an executor does with the objects of an attempt in its place: with its rights, and while it has them. */
export interface AttemptObjects {
  /** The object at its `--inputs`; undefined where it has more bytes than this. Throws where the attempt could not read it. */
  readInputs(mostBytes: number): Promise<Uint8Array | undefined>;
  /** Its runtime got the inputs that were read for it: that it asked for them is known from then on. */
  inputsTaken(): void;
  /**
   * Stores the object of this name under its output prefix. Resolves when it is on disk; storing it again replaces it. Throws
   * where the attempt could not store it: DISK_FULL or DATA_DIRECTORY_UNUSABLE where that may pass.
   */
  writeResult(name: ResultFile, content: AsyncIterable<Uint8Array>): Promise<void>;
}

export interface AttemptObserver {
  /** Why it is not running yet, e.g. "pulling image". May be called often. */
  progress(message: string): void;
  /** How it is started: known before `started`, and not where an earlier server made what runs. */
  prepared(start: AttemptStart): void;
  /** It is created, but there is no capacity for it yet, and why. May be called often; `started` ends it. */
  waiting(reason: string): void;
  /** The first instruction of the attempt may have run. Called at most once. */
  started(atMs: number): void;
  /** Called exactly once, after the last log line was written. Nothing follows. */
  ended(exit: AttemptExit): void;
}

/** From this an executor makes an attempt's environment variables. */
export interface ServerAccess {
  readonly key: AttemptKey;
  readonly image: ResolvedImage;
  /** host:port of the server as the attempt sees it. */
  readonly endpoint: string;
  /** By which its calls prove whose they are: in the path, before that of the call. */
  readonly token: string;
  /** Of the attempt, for the object store. */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface ExpectedAttempts {
  /** In the order in which they will be needed, as far as that is known. */
  readonly images: readonly ResolvedImage[];
  /** Whether they may be pulled from any host: see lib/egress.ts. @default false */
  readonly isTrusted?: boolean;
  readonly requests: ResourceAmounts;
  readonly limits: ResourceAmounts;
  /**
   * As they will be started, as far as that is known: of actions that this run, or an earlier one of the same task, calls. The
   * name of the action is empty; that of the run is too where any run may be the next that starts such an attempt.
   * `ownVariables` are not known yet: those in `env` have no meaning.
   */
  readonly attempts?: readonly AttemptSpec[];
}

export interface Executor {
  /** Short name for people: "podman 4.3.1", "process (this machine's Python, no containers)". */
  readonly description: string;
  /**
   * What all attempts together may take, as of now: asked again at each pass of the queue. A resource that is
   * not named is not counted.
   */
  readonly capacity: ResourceAmounts;
  /** Calls back when the capacity has changed. Returns a function that stops that. Absent: it never does. */
  onCapacityChange?(listener: () => void): () => void;
  /** Host and port at which an attempt reaches the server. */
  readonly endpointForAttempts: (port: number) => string;
  /** Variables by which an attempt reaches the server from where it runs, and proves whose it is. */
  environmentFor(access: ServerAccess): Promise<Readonly<Record<string, string>>>;
  /** Attempts like this will be asked for soon: a pool may warm up. A hint, which may be ignored. */
  expect?(expected: ExpectedAttempts): void;
  /**
   * Pins a reference. `isTrusted`: whether any host may be asked for it (lib/egress.ts), by default not. Throws BoxkiteError IMAGE_*,
   * REGISTRY_* or EGRESS_DENIED.
   */
  resolveImage(reference: string, isTrusted?: boolean): Promise<ResolvedImage>;
  /** Which images run here, and what is known of images is kept by it; absent: those of the machine (`machinePlatform`). */
  readonly platform?: ImagePlatform;
  /** What reads the images that attempts run in; absent where they run in none. Ends with the executor. */
  readonly checker?: ImageChecker;
  /** What people start on their own terminals; absent where attempts run in no container. */
  readonly interactive?: Interactive;
  /**
   * Why no attempt that names this image and asks for this can start, as `start` would report it; undefined where that is
   * not known. So a task is refused when it is sent.
   */
  refusal(reference: string, demands: AttemptDemands): Refusal | undefined;
  /**
   * Starts the attempt, or takes up the one that already runs (or has ended) under this key: calling
   * it again, also from a restarted server, never starts a second one. Resolves when the observer is
   * attached; failures are reported to the observer.
   */
  start(spec: AttemptSpec, logs: LogSink, observer: AttemptObserver): Promise<void>;
  /**
   * SIGTERM, then SIGKILL after the grace period. Resolves when the end was reported to the observer; where there is
   * none, with the exit code, as far as it is known. No attempt: no error.
   */
  stop(key: AttemptKey, graceMs: number): Promise<number | undefined>;
  /** Frees all that an attempt held. One that still runs is ended, and its end reported, first. Idempotent. */
  release(key: AttemptKey): Promise<void>;
  /** What is kept warm; absent: nothing ever is. */
  pools?(): readonly PoolState[];
  /** No attempt of this run will be started any more: nothing is kept for it. May be called again. */
  runEnded?(run: RunKey): void;
  /** Which limits did this attempt, which may still run, meet? Absent: never known. */
  limitFactsOf?(spec: AttemptSpec): Promise<LimitFacts>;
  /** Every attempt of this server instance that the executor still holds, running or ended. */
  list(): Promise<AttemptKey[]>;
  /** Stops watching; running attempts go on and can be taken up again. */
  close(): Promise<void>;
}
