/** An executor whose attempts do what the test says: the only fake besides the clock. */
import type { AttemptExit, AttemptKey } from "../../src/domain/attempt.ts";
import type { ResourceAmounts } from "../../src/domain/task.ts";
import { plainEnvironment } from "../../src/executors/plain-environment.ts";
import { refuseOptions } from "../../src/executors/attempt-options.ts";
import type { AttemptObserver, AttemptSpec, Executor } from "../../src/executors/executor.ts";

export interface FakeAttempt {
  readonly spec: AttemptSpec;
  readonly observer: AttemptObserver;
  stopped: boolean;
  released: boolean;
}

export interface FakeExecutor extends Executor {
  /** Every attempt that was ever started, in order; one that was started twice counts twice. */
  readonly started: FakeAttempt[];
  /** Ends the newest attempt of an action. */
  end(action: string, exit?: Partial<AttemptExit>): void;
  /** Is the end of this action's attempt reported to anybody? */
  isWatched(action: string): boolean;
  /** Forgets the observers, as a server does that was killed. */
  forgetObservers(): void;
  /** Makes the next calls of this method fail. */
  failNext(method: "release" | "stop", times: number): void;
}

export function createFakeExecutor(
  onStart: (attempt: FakeAttempt) => void = () => {},
  capacity: ResourceAmounts = {},
): FakeExecutor {
  const attempts = new Map<string, FakeAttempt>();
  const started: FakeAttempt[] = [];
  const nobody: AttemptObserver = {
    progress: () => {},
    prepared: () => {},
    waiting: () => {},
    started: () => {},
    ended: () => {},
  };
  const failures = { release: 0, stop: 0 };
  const failIfAsked = (method: "release" | "stop") => {
    if (failures[method]-- > 0) throw new Error(`${method} fails`);
    failures[method] = Math.max(0, failures[method]);
  };
  const nameOf = (key: AttemptKey) => `${key.run}/${key.action}/${key.attempt}`;
  return {
    description: "fake",
    capacity,
    started,
    endpointForAttempts: () => "127.0.0.1:1",
    environmentFor: plainEnvironment,
    resolveImage: async (reference) => ({ reference, pinned: reference, digest: "none", source: "host" }),
    refusal: (_, demands) => refuseOptions(demands, [], "the fake"),
    start: async (spec, _logs, observer) => {
      const refused = refuseOptions(spec, [], "the fake");
      if (refused !== undefined) return observer.ended(refused);
      const known = attempts.get(nameOf(spec.key));
      const attempt: FakeAttempt = known
        ? Object.assign(known, { observer })
        : { spec, observer, stopped: false, released: false };
      attempts.set(nameOf(spec.key), attempt);
      if (!known) started.push(attempt);
      observer.started(Date.now());
      if (!known) onStart(attempt);
    },
    stop: async (key) => {
      failIfAsked("stop");
      const attempt = attempts.get(nameOf(key));
      if (!attempt) return undefined;
      const { observer } = attempt;
      if (!attempt.stopped) observer.ended({ reason: "exited", exitCode: 143, outOfMemory: false });
      attempt.stopped = true;
      return observer === nobody ? 143 : undefined;
    },
    release: async (key) => {
      failIfAsked("release");
      const attempt = attempts.get(nameOf(key));
      if (attempt) attempt.released = true;
      attempts.delete(nameOf(key));
    },
    list: async () => [...attempts.values()].map(({ spec }) => spec.key),
    close: async () => {},
    end: (action, exit = {}) => {
      const attempt = [...attempts.values()].findLast(({ spec }) => spec.key.action === action);
      if (!attempt) throw new Error(`no attempt of ${action} runs`);
      attempt.observer.ended({ reason: "exited", exitCode: 0, outOfMemory: false, ...exit });
    },
    isWatched: (action) =>
      [...attempts.values()].some(({ spec, observer }) => spec.key.action === action && observer !== nobody),
    forgetObservers: () => {
      for (const attempt of attempts.values()) Object.assign(attempt, { observer: nobody });
    },
    failNext: (method, times) => void (failures[method] = times),
  };
}
