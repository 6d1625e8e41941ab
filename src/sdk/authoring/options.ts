/** The settings of an environment and its tasks. */
import { durationMs, type Duration } from "./duration.ts";

/** A single value is both the request and the limit; a pair is [request, limit]. */
type Quantity<T> = T | readonly [request: T, limit: T];

export interface Resources {
  /** Cores: 2, "500m", or ["1", "4"]. */
  readonly cpu?: Quantity<number | string>;
  /** Kubernetes notation: "512Mi", "4Gi", or a pair. */
  readonly memory?: Quantity<string>;
  /** A count, or a device with a count: "A100:2". */
  readonly gpu?: number | string;
  /** Ephemeral storage: "20Gi". */
  readonly disk?: string;
  /** Size of /dev/shm: "1Gi"; "auto" for the whole memory. */
  readonly sharedMemory?: string;
}

export interface RetryPolicy {
  /** The number of retries: 3 means four attempts in total. */
  readonly count: number;
  readonly backoff?: {
    /** Wait before the first retry. */
    readonly base: Duration;
    /** The factor by which the wait grows with each retry. @default 2 */
    readonly factor?: number;
    /** The longest wait. */
    readonly cap?: Duration;
  };
}

export interface Timeouts {
  /** The limit for one attempt, from its start. */
  readonly maxRuntime?: Duration;
  /** The limit for one attempt, from its creation to its start. */
  readonly maxQueuedTime?: Duration;
  /** The limit for the action, over all its attempts. */
  readonly deadline?: Duration;
}

export interface CachePolicy {
  /** A fixed version. @default a hash of the function's source */
  readonly version?: string;
  /** Of several equal calls at the same time only one runs. @default false */
  readonly serialize?: boolean;
  /** Inputs that are not part of the cache key. */
  readonly ignoredInputs?: readonly string[];
  /** Added to the version: changing it invalidates all cached results. */
  readonly salt?: string;
  /** Cached results older than this are not used. */
  readonly maxAge?: Duration;
}

export interface SecretRequest {
  readonly key: string;
  readonly group?: string;
  /** The environment variable to set. @default the group and key in capitals, with underscores */
  readonly envVar?: string;
  /** A file below /etc/flyte/secrets instead of an environment variable. */
  readonly mount?: boolean;
}

/**
 * Tasks of the environment run one after the other in processes that are kept: their modules, and what these hold, such as
 * a model, are loaded once.
 */
export interface ReusePolicy {
  /**
   * The number of processes kept while the environment is in use, or [minimum, maximum], of which the maximum is at least 1.
   * A task that waits for others of its environment does not count, so that parents and children may share one. @default 2
   */
  readonly replicas?: number | readonly [min: number, max: number];
  /** The number of actions that one process runs at the same time; more than one is for async functions. @default 1 */
  readonly concurrency?: number;
  /** All processes end when no action has run in any of them for so long: at least 30 seconds. @default 30 seconds */
  readonly idleTtl?: Duration;
  /** A process above the minimum ends when it has had no action for so long: at least 30 seconds. @default 30 seconds */
  readonly scaledownTtl?: Duration;
  /** "global": all runs of the project and domain share the processes; "run": each run has its own. @default "global" */
  readonly scope?: "global" | "run";
}

/**
 * How actions may start in containers that were made before them: in none; each in one that takes no other; for actions
 * of a run one after the other in one, as far as the runtime can ("fork", in TypeScript the same as "one-shot").
 */
export type WarmStart = "off" | "one-shot" | "fork";

export const WARM_STARTS: readonly WarmStart[] = ["off", "one-shot", "fork"];

/** The variable that says it to the server: domain/warm-start.ts. */
export const WARM_START_VARIABLE = "BOXKITE_WARM_START";

/** Settings of a task; those of its environment are the defaults. */
export interface ExecutionOptions {
  readonly resources?: Resources;
  /** Environment variables of the container. */
  readonly env?: Readonly<Record<string, string>>;
  /** Keys, or requests that also say how the secret is passed to the task. */
  readonly secrets?: readonly (string | SecretRequest)[];
  /** "auto": reuse results of equal inputs and an equal function; what it calls or imports does not count. @default "disable" */
  readonly cache?: "auto" | "disable" | CachePolicy;
  /** A count, or a policy. @default 0 */
  readonly retries?: number | RetryPolicy;
  /** The maximum run time of one attempt, or all the limits. */
  readonly timeout?: Duration | Timeouts;
  /** May run on machines that can be preempted. */
  readonly interruptible?: boolean;
  readonly queue?: string;
  /** A template of the server's settings, by name, that says what else the container may do. */
  readonly podTemplate?: string;
}

export const EXECUTION_OPTIONS = [
  "resources",
  "env",
  "secrets",
  "cache",
  "retries",
  "timeout",
  "interruptible",
  "queue",
  "podTemplate",
] as const satisfies readonly (keyof ExecutionOptions)[];

/** Settings of a sleep; those of its environment are the defaults. */
export type SleepSettings = Pick<ExecutionOptions, "cache" | "retries" | "timeout">;

/** What means something for a sleep, for which there is no container, no process and no queue. */
const SLEEP_OPTIONS = ["cache", "retries", "timeout"] as const satisfies readonly (keyof SleepSettings)[];

export function sleepSettingsIn(options: ExecutionOptions): SleepSettings {
  const given = SLEEP_OPTIONS.filter((name) => options[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, options[name]]));
}

/** Throws TypeError, naming them, for settings that mean nothing for a sleep. */
export function requireSleepSettings(fullName: string, options: ExecutionOptions): void {
  const given = EXECUTION_OPTIONS.filter((name) => options[name] !== undefined);
  const refused = given.filter((name) => !(SLEEP_OPTIONS as readonly string[]).includes(name));
  if (refused.length === 0) return;
  throw new TypeError(
    `task ${fullName} is a sleep, which runs in no container: it has no ${refused.join(", ")}; it can have ${SLEEP_OPTIONS.join(", ")}`,
  );
}

/** Later options win; environment variables are merged. */
export function mergeOptions(...layers: readonly ExecutionOptions[]): ExecutionOptions {
  const merged: Record<string, unknown> = {};
  for (const layer of layers) {
    for (const key of EXECUTION_OPTIONS) if (layer[key] !== undefined) merged[key] = layer[key];
  }
  const env = Object.assign({}, ...layers.map((layer) => layer.env ?? {})) as Record<string, string>;
  return { ...merged, ...(Object.keys(env).length > 0 ? { env } : {}) };
}

export function retryPolicyOf(options: Pick<ExecutionOptions, "retries">): RetryPolicy {
  const { retries } = options;
  const policy = typeof retries === "number" ? { count: retries } : (retries ?? { count: 0 });
  if (!Number.isInteger(policy.count) || policy.count < 0) {
    throw new RangeError(`retries must be a whole number that is not negative, got ${policy.count}`);
  }
  const { factor = 1 } = policy.backoff ?? {};
  if (!(factor >= 1 && Number.isFinite(factor)))
    throw new RangeError(`the factor of a backoff must be 1 or more, got ${factor}`);
  return policy;
}

const LEAST_TTL_MS = 30_000;

/** Complete, with replicas as [minimum, maximum]. Throws RangeError or TypeError for a policy that cannot be. */
export function reusePolicyOf(policy: ReusePolicy): Required<ReusePolicy> & {
  readonly replicas: readonly [min: number, max: number];
} {
  const { replicas = 2, concurrency = 1, idleTtl = LEAST_TTL_MS, scaledownTtl = LEAST_TTL_MS } = policy;
  const { scope = "global" } = policy;
  if (scope !== "global" && scope !== "run")
    throw new TypeError(`scope must be "global" or "run", got ${JSON.stringify(scope)}`);
  const [min, max, ...more] = typeof replicas === "number" ? [replicas, replicas] : replicas;
  if (more.length > 0) throw new TypeError("replicas must be a number or [minimum, maximum]");
  for (const [label, value, least] of [
    ["minimum", min, 0],
    ["maximum", max, 1],
  ] as const) {
    if (!Number.isInteger(value) || value < least)
      throw new RangeError(
        `the ${label} of replicas must be a whole number of at least ${least}, got ${value}`,
      );
  }
  if (min > max) throw new RangeError(`the minimum of replicas (${min}) is above the maximum (${max})`);
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw new RangeError(`concurrency must be a whole number of at least 1, got ${concurrency}`);
  for (const [name, duration] of Object.entries({ idleTtl, scaledownTtl })) {
    if (durationMs(duration) < LEAST_TTL_MS)
      throw new RangeError(`${name} must be at least 30 seconds, got ${JSON.stringify(duration)}`);
  }
  return { replicas: [min, max], concurrency, idleTtl, scaledownTtl, scope };
}

export function timeoutsOf(options: Pick<ExecutionOptions, "timeout">): Timeouts {
  const { timeout } = options;
  if (timeout === undefined) return {};
  return typeof timeout === "object" ? timeout : { maxRuntime: timeout };
}

export function secretsOf(options: ExecutionOptions): readonly SecretRequest[] {
  return (options.secrets ?? []).map((secret) => (typeof secret === "string" ? { key: secret } : secret));
}

/** The environment variable that a secret arrives in, unless it is a file. */
export function secretVariable(secret: SecretRequest): string | undefined {
  if (secret.mount) return secret.envVar;
  const name = secret.envVar ?? (secret.group === undefined ? secret.key : `${secret.group}_${secret.key}`);
  const variable = secret.envVar ?? name.replaceAll("-", "_").toUpperCase();
  if (!/^[A-Z_][A-Z0-9_]*$/.test(variable)) {
    throw new TypeError(
      `secret ${secret.key}: ${variable} cannot be the name of an environment variable; set envVar`,
    );
  }
  return variable;
}
