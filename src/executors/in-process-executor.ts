/**
 * Attempts that the server itself carries out, such as building an image. An attempt does not survive the
 * server: after a restart it starts again, so what it does must be safe to repeat.
 */
import type { AttemptExit, AttemptKey, LogSink } from "../domain/attempt.ts";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { refuseOptions, type AttemptDemands } from "./attempt-options.ts";
import { hostImage } from "./host-image.ts";
import { plainEnvironment } from "./plain-environment.ts";
import type { AttemptObserver, AttemptSpec, Executor } from "./executor.ts";

export interface InProcessWork {
  /** Stands for the work where tasks name their image. */
  readonly reference: string;
  /** Writes its own result; throws where another attempt may succeed, or where it could not even do that. */
  run(spec: AttemptSpec, logs: LogSink, signal: AbortSignal): Promise<void>;
}

interface Held {
  readonly key: AttemptKey;
  readonly startedAt: number;
  readonly abort: AbortController;
  readonly exit: Promise<AttemptExit>;
  /** Of the newest start. Undefined once the end is not to be reported. */
  observer: AttemptObserver | undefined;
  /** Resolves when the end was reported. */
  reported: Promise<void>;
}

export function createInProcessExecutor(work: InProcessWork, clock: Clock): Executor {
  const attempts = new Map<string, Held>();

  const begin = (spec: AttemptSpec, logs: LogSink): Held => {
    const abort = new AbortController();
    const startedAt = clock.now();
    const exit = work
      .run(spec, logs, abort.signal)
      .then(() => ({ reason: "exited", exitCode: 0 }) as const)
      .catch(lostBy)
      .then((end) => ({ ...end, outOfMemory: false, startedAt, endedAt: clock.now() }));
    return { key: spec.key, startedAt, abort, exit, observer: undefined, reported: Promise.resolve() };
  };

  const observe = (held: Held, observer: AttemptObserver): void => {
    held.observer = observer;
    observer.started(held.startedAt);
    held.reported = held.exit.then((exit) => {
      if (held.observer === observer) observer.ended(exit);
    });
  };

  const stop = async (key: AttemptKey): Promise<void> => {
    const held = attempts.get(nameOf(key));
    held?.abort.abort();
    await held?.reported;
  };

  const refusal = (demands: AttemptDemands) => refuseOptions(demands, [], "work in the server");

  return {
    description: `${work.reference} (in the server)`,
    capacity: {},
    endpointForAttempts: () => "",
    environmentFor: plainEnvironment,
    resolveImage: async (reference) => hostImage(reference, "the server does this itself"),
    refusal: (_, demands) => refusal(demands),
    start: async (spec, logs, observer) => {
      const refused = refusal(spec);
      if (refused !== undefined) return observer.ended(refused);
      const held = attempts.get(nameOf(spec.key)) ?? begin(spec, logs);
      attempts.set(nameOf(spec.key), held);
      observe(held, observer);
    },
    stop: async (key) => {
      await stop(key);
      return undefined;
    },
    release: async (key) => {
      await stop(key);
      attempts.delete(nameOf(key));
    },
    list: async () => [...attempts.values()].map(({ key }) => key),
    close: async () => {
      const all = [...attempts.values()];
      for (const held of all) {
        held.observer = undefined;
        held.abort.abort();
      }
      await Promise.all(all.map(({ exit }) => exit));
    },
  };
}

function lostBy(error: unknown): Pick<AttemptExit, "reason" | "code" | "message" | "hint"> {
  const { code, hint } = error instanceof BoxkiteError ? error : {};
  return {
    reason: "lost",
    message: messageOf(error),
    ...(code !== undefined && { code }),
    ...(hint !== undefined && { hint }),
  };
}

function nameOf(key: AttemptKey): string {
  return JSON.stringify([key.project, key.domain, key.run, key.action, key.attempt]);
}
