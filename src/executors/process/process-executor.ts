/**
 * Attempts as processes of this machine: for tests, and for machines without a container engine. There
 * is no image and no isolation; limits are not enforced. Each attempt has a directory of its own, which
 * holds all that is needed to take the process up again after the server was restarted.
 */
import type { AttemptKey } from "../../domain/attempt.ts";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { defaultLaunchLimits } from "../../domain/launch-limits.ts";
import { programOf } from "../../images/check/task-program.ts";
import type { Clock } from "../../lib/clock.ts";
import { orAbsent } from "../../lib/errno.ts";
import type { Logger } from "../../lib/log.ts";
import { AttemptMachine } from "../attempt-machine.ts";
import { hostImage } from "../host-image.ts";
import { plainEnvironment } from "../plain-environment.ts";
import type { AttemptSpec, Executor } from "../executor.ts";
import { machineCapacity } from "../machine.ts";
import { WatchedAttempts } from "../watched-attempts.ts";
import { AttemptDirectory, type ReadText } from "./attempt-directory.ts";
import { KEY_FILE } from "./attempt-key-file.ts";
import { ProcessAttempt, refusal, type HeldProcess } from "./process-attempt.ts";

export interface ProcessExecutorOptions {
  /** Where attempts keep their directories; private to one server instance. */
  readonly directory: string;
  /** Directories searched for the attempt's command before the server's own PATH. */
  readonly path: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Where Node keeps what it compiles of tasks in TypeScript: their HOME ends with the attempt. */
  readonly compiledCode?: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** How files are read; tests make it fail. */
  readonly readText?: ReadText;
}

/** Nothing else of the server's environment reaches a task: no client configuration, no cloud keys. */
const INHERITED =
  /^(PATH|LANG|LC_[A-Z]+|TZ|TMPDIR|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$/u;

export function createProcessExecutor(options: ProcessExecutorOptions): Executor {
  const { directory, clock, log, readText } = options;
  const watched = new WatchedAttempts<HeldProcess>(log);
  const directoryOf = (name: string) => new AttemptDirectory(join(directory, name), readText);

  /** Undefined for one without a readable key, of which the log warns. */
  const keyIn = async (held: AttemptDirectory): Promise<AttemptKey | undefined> => {
    const key = await held.key();
    if (key !== "damaged") return key;
    log.warn("the journal of an attempt is damaged and skipped", {
      file: join(held.path, KEY_FILE),
      hint: "its process may still run: the file pid beside it has the number; remove the directory when it has ended",
    });
    return undefined;
  };

  return {
    description: "process (this machine's own programs: no images, no isolation)",
    capacity: machineCapacity(),
    endpointForAttempts: (port) => `127.0.0.1:${port}`,
    environmentFor: plainEnvironment,
    resolveImage: async (reference) => hostImage(reference, "the process executor runs no images"),
    refusal: (_, demands) => refusal(demands),
    start: async (spec, sink, observer) => {
      const name = attemptDirectoryName(spec.key);
      const held = directoryOf(name);
      const defaults =
        programOf(spec) === "python" ? defaultLaunchLimits(spec.env, spec.limits.memoryBytes) : {};
      const env = { ...defaults, ...environment(options, spec, held.work) };
      const context = { directory: held, spec, sink, observer, env, defaults, clock, log };
      await watched.start(name, () => new AttemptMachine(new ProcessAttempt(context), observer, log));
    },
    stop: async (key, graceMs) => {
      const name = attemptDirectoryName(key);
      if (await watched.stop(name, graceMs)) return undefined;
      const held = directoryOf(name);
      await held.stop(graceMs, clock);
      return (await held.end())?.exitCode;
    },
    release: async (key) => {
      const name = attemptDirectoryName(key);
      await watched.stop(name, 0);
      const held = directoryOf(name);
      // Given up as lost or stopped before it was found, it may live nevertheless.
      await held.stop(0, clock);
      await held.remove();
    },
    list: async () => {
      const names = (await orAbsent(readdir(directory))) ?? [];
      const keys = await Promise.all(names.map((name) => keyIn(directoryOf(name))));
      return keys.filter((key) => key !== undefined);
    },
    close: async () => {
      await watched.detachAll();
    },
  };
}

/** How many attempts a machine of this size runs at the same time. */
export function defaultParallelism(): number {
  return Math.max(2, availableParallelism() * 2);
}

function environment(
  options: ProcessExecutorOptions,
  spec: AttemptSpec,
  home: string,
): Record<string, string> {
  const inherited = Object.entries(options.env).filter(
    ([name, value]) => INHERITED.test(name) && value !== undefined,
  );
  const env = Object.fromEntries(inherited) as Record<string, string>;
  const path = [...options.path, absolutePath(env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin")].join(delimiter);
  if (options.compiledCode !== undefined && programOf(spec) === "typescript")
    env["NODE_COMPILE_CACHE"] = options.compiledCode;
  return { ...env, PATH: path, HOME: home, ...spec.env, ...spec.secretVariables };
}

/** `pnpm exec` puts `./node_modules/.bin` first; in an attempt's working directory that would be another one. */
function absolutePath(path: string): string {
  const directories = path.split(delimiter).filter((directory) => directory !== "");
  return directories.map((directory) => resolve(directory)).join(delimiter);
}

export function attemptDirectoryName(key: AttemptKey): string {
  const hash = createHash("sha256").update(
    JSON.stringify([key.project, key.domain, key.run, key.action, key.attempt]),
  );
  return hash.digest("hex").slice(0, 32);
}
