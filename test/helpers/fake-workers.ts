/** Workers without containers, for tests of what uses them. */
import type { Order, Report } from "../../src/domain/worker-protocol.ts";
import type { Worker, WorkerEnd, WorkerMaker, WorkerPlan } from "../../src/executors/workers/worker.ts";
import type { AttemptSpec } from "../../src/executors/executor.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { IMAGE } from "./resolved-image.ts";

export interface FakeWorker extends Worker {
  readonly orders: readonly Order[];
  readonly isRemoved: boolean;
  report(report: Report): void;
  /** Its container ends by itself. */
  end(end?: Partial<WorkerEnd>): void;
  getReady(): void;
  /** Throws from now on where it is sent something. */
  disconnect(error: Error): void;
}

export interface FakeMaker extends WorkerMaker {
  /** In the order of their creation. */
  readonly workers: readonly FakeWorker[];
  readonly alive: readonly FakeWorker[];
  /** What the next creations throw. */
  failure: Error | undefined;
}

/** Its workers are ready at once, or as soon as a test says so. */
export function fakeMaker(
  clock: Clock,
  {
    isReady = true,
    directory = "/nowhere",
  }: { readonly isReady?: boolean; readonly directory?: string } = {},
): FakeMaker {
  const workers: FakeWorker[] = [];
  const maker: FakeMaker = {
    workers,
    get alive() {
      return workers.filter((worker) => !worker.isRemoved);
    },
    failure: undefined,
    make: async (plan) => {
      if (maker.failure !== undefined) throw maker.failure;
      const worker = fakeWorker(plan, `worker-${workers.length + 1}`, clock, directory);
      if (isReady) worker.getReady();
      workers.push(worker);
      return worker;
    },
  };
  return maker;
}

export function fakeWorker(plan: WorkerPlan, name: string, clock: Clock, directory: string): FakeWorker {
  const ready = Promise.withResolvers<Report & { readonly event: "ready" }>();
  ready.promise.catch(() => {});
  const ended = Promise.withResolvers<WorkerEnd>();
  const listeners = new Set<(report: Report) => void>();
  const orders: Order[] = [];
  let isRemoved = false;
  let broken: Error | undefined;
  const end = (facts: Partial<WorkerEnd> = {}) => {
    const whole = { exitCode: 137, outOfMemory: false, message: "it has ended", ...facts };
    ready.reject(new Error(whole.message));
    ended.resolve(whole);
  };
  return {
    name,
    plan,
    directory,
    createdAt: clock.now(),
    ended: ended.promise,
    ready: ready.promise,
    orders,
    get isRemoved() {
      return isRemoved;
    },
    send: async (order) => {
      if (broken !== undefined) throw broken;
      orders.push(order);
    },
    onReport: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    remove: async () => {
      isRemoved = true;
      end();
    },
    report: (report) => {
      for (const listener of listeners) listener(report);
    },
    end,
    getReady: () => ready.resolve({ event: "ready", mode: plan.mode, runtime: "3.13", sdk: "2", known: [] }),
    disconnect: (error) => {
      broken = error;
    },
  };
}

export const FAKE_SPEC: AttemptSpec = {
  key: { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 },
  image: IMAGE,
  command: [],
  args: ["a0"],
  env: {},
  labels: {},
  requests: {},
  limits: {},
};

/** Attempts with the same name of a pool share it. */
export function fakePlan(pool: string, changes: Partial<WorkerPlan> = {}): WorkerPlan {
  return {
    pool,
    mode: "one_shot",
    program: { language: "python", args: [], mounts: [] },
    container: FAKE_SPEC,
    run: FAKE_SPEC.key.run,
    concurrency: 1,
    ...changes,
  };
}
