/**
 * Attempts that the server itself carries out, such as building an image. An attempt does not survive the
 * server: after a restart it starts again, so what it does must be safe to repeat.
 */
import type { AttemptKey, LogSink } from "../domain/attempt.ts";
import type { ResolvedImage } from "../domain/image.ts";
import { messageOf } from "../domain/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { refuseOptions } from "./attempt-options.ts";
import { plainEnvironment } from "./plain-environment.ts";
import type { AttemptSpec, Executor } from "./executor.ts";

export interface InProcessWork {
  /** Stands for the work where tasks name their image. */
  readonly reference: string;
  /** Writes its own result; throws where it could not even do that. */
  run(spec: AttemptSpec, logs: LogSink, signal: AbortSignal): Promise<void>;
}

interface Running {
  readonly key: AttemptKey;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

export function createInProcessExecutor(work: InProcessWork, clock: Clock): Executor {
  const running = new Map<string, Running>();
  return {
    description: `${work.reference} (in the server)`,
    capacity: {},
    endpointForAttempts: () => "",
    environmentFor: plainEnvironment,
    resolveImage: async (reference): Promise<ResolvedImage> => ({
      reference,
      pinned: reference,
      digest: "none",
      source: "host",
      note: "the server does this itself",
    }),
    start: async (spec, logs, observer) => {
      const name = nameOf(spec.key);
      if (running.has(name)) return;
      const refused = refuseOptions(spec, [], "work in the server");
      if (refused !== undefined) return observer.ended(refused);
      const abort = new AbortController();
      const startedAt = clock.now();
      observer.started(startedAt);
      const done = work
        .run(spec, logs, abort.signal)
        .then(() => ({ reason: "exited", exitCode: 0 }) as const)
        .catch((error: unknown) => ({ reason: "lost", message: messageOf(error) }) as const)
        .then((exit) => observer.ended({ ...exit, outOfMemory: false, startedAt, endedAt: clock.now() }));
      running.set(name, { key: spec.key, abort, done });
    },
    stop: async (key) => {
      const attempt = running.get(nameOf(key));
      attempt?.abort.abort();
      await attempt?.done;
    },
    release: async (key) => void running.delete(nameOf(key)),
    list: async () => [...running.values()].map(({ key }) => key),
    close: async () => {
      for (const { abort } of running.values()) abort.abort();
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}

function nameOf(key: AttemptKey): string {
  return JSON.stringify([key.project, key.domain, key.run, key.action, key.attempt]);
}
