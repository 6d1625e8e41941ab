/** Workers as containers: made as those of attempts are, with a directory that they share with the server. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { EngineApi } from "../../containers/api.ts";
import type { ContainerState } from "../../containers/types.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Assignments } from "../workers/assignments.ts";
import type { Worker, WorkerMaker, WorkerPlan } from "../workers/worker.ts";
import { ContainerWorker, stateOrRemoved } from "./container-worker.ts";
import type { ContainerAttemptContext } from "./container-attempt.ts";
import { LABEL, type ContainerKind } from "./container-spec.ts";
import { createContainer, putCertificates, type CreateContext } from "./create-container.ts";
import { EndWatch } from "./end-watch.ts";
import { EngineRetry } from "./engine-retry.ts";
import { keepGateway } from "./join-network.ts";
import { workerMember } from "./network-member.ts";

/** Nobody waits for one as for an attempt: an engine that does not answer fails its creation soon. */
const UNREACHABLE_MS = 5_000;

export interface WorkerContainersOptions {
  /** For the directories of workers. Only this server's user may enter it. */
  readonly directory: string;
  readonly context: () => ContainerAttemptContext;
}

export class WorkerContainers implements WorkerMaker {
  readonly #options: WorkerContainersOptions;
  readonly #workers = new Map<string, ContainerWorker>();

  constructor(options: WorkerContainersOptions) {
    this.#options = options;
  }

  async make(plan: WorkerPlan): Promise<Worker> {
    const context = this.#options.context();
    const name = `boxkite-worker-${plan.pool.slice(0, 8)}-${randomBytes(4).toString("hex")}`;
    const directory = await this.#makeDirectory(name);
    const log = context.log.child({ worker: name });
    const creation: CreateContext = {
      ...context,
      spec: plan.container,
      sink: NO_SINK,
      observer: NO_OBSERVER,
      name,
      member: workerMember(name, plan.container.key),
      retry: new EngineRetry({ ...context, log, lostAfterMs: UNREACHABLE_MS, onUnreachable: () => {} }),
      worker: { name, pool: plan.pool, directory },
    };
    let watch: EndWatch | undefined;
    try {
      const id = await created(creation);
      watch = new EndWatch(id, { ...context, log });
      await putCertificates(creation, id, NEVER);
      await watch.attach();
      await keepGateway(creation);
      await context.api.startContainer(id);
      const worker = new ContainerWorker({
        id,
        name,
        plan,
        directory,
        watch,
        isAttached: true,
        createdAt: context.clock.now(),
        remove: () => this.remove(name),
        api: context.api,
        clock: context.clock,
        log,
      });
      this.#workers.set(name, worker);
      return worker;
    } catch (error) {
      watch?.close();
      await this.remove(name).catch((failure: unknown) =>
        log.warn("what is left of a worker could not be removed", { error: failure }),
      );
      throw error;
    }
  }

  /** Of those that this server has made or taken up. */
  of(name: string): ContainerWorker | undefined {
    return this.#workers.get(name);
  }

  /** One that an earlier server has made, whose container still runs. */
  async takeUp(name: string, plan: WorkerPlan): Promise<ContainerWorker | undefined> {
    const known = this.#workers.get(name);
    if (known !== undefined) return known;
    const context = this.#options.context();
    const state = await stateOrRemoved(context.api, name);
    if (state?.running !== true) return undefined;
    // Another attempt of it was faster.
    const other = this.#workers.get(name);
    if (other !== undefined) return other;
    const log = context.log.child({ worker: name });
    const worker = new ContainerWorker({
      id: state.id,
      name,
      plan,
      directory: this.directoryOf(name),
      // It is not attached to: see attempt-container.ts.
      watch: new EndWatch(state.id, { ...context, log }),
      isAttached: false,
      createdAt: state.startedAt ?? context.clock.now(),
      remove: () => this.remove(name),
      api: context.api,
      clock: context.clock,
      log,
    });
    this.#workers.set(name, worker);
    return worker;
  }

  directoryOf(name: string): string {
    return join(this.#options.directory, name);
  }

  async kill(name: string): Promise<void> {
    await this.#options.context().api.killContainer(name, "SIGKILL");
  }

  inspect(name: string): Promise<ContainerState | undefined> {
    return this.#options.context().api.inspectContainer(name);
  }

  /** The container, which is ended, and all that belongs to it. Also one that an earlier server has made. Idempotent. */
  async remove(name: string): Promise<void> {
    const { api, networks, log } = this.#options.context();
    this.#workers.get(name)?.close();
    await api.removeContainer(name);
    networks?.leave(name);
    this.#workers.delete(name);
    await removeDirectory(this.directoryOf(name), log);
  }

  /** Every user of an image can make the socket in it, and only this server's user gets there on this machine. */
  async #makeDirectory(name: string): Promise<string> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
    const directory = this.directoryOf(name);
    await mkdir(directory);
    await chmod(directory, 0o777);
    return directory;
  }
}

/** Those that an earlier server of this instance has left without an attempt: nobody is connected to them. */
export async function removeIdleWorkers(
  api: EngineApi,
  instance: string,
  options: { readonly assignments: Assignments; readonly directory: string; readonly log: Logger },
): Promise<void> {
  const { assignments, directory, log } = options;
  const used = assignments.workers();
  const left = await api.listContainers([`${LABEL.instance}=${instance}`, LABEL.worker]);
  const idle = left.filter(
    ({ labels }) =>
      labels[LABEL.kind] === ("worker" satisfies ContainerKind) && !used.has(labels[LABEL.worker] ?? ""),
  );
  await Promise.all(idle.map(({ id }) => api.removeContainer(id)));
  const directories = await readdir(directory).catch(() => []);
  const unused = directories.filter((name) => !used.has(name));
  await Promise.all(unused.map((name) => removeDirectory(join(directory, name), log)));
}

async function created(creation: CreateContext): Promise<string> {
  const result = await createContainer(creation, NEVER);
  if (result.kind === "created") return result.id;
  throw new BoxkiteError(
    "ENGINE_FAILED",
    `the container of a worker could not be created: ${result.kind === "exists" ? "its name is in use" : "its image is not there"}`,
    { hint: "attempts start in containers of their own" },
  );
}

/** Files of other users may be in it, which only root can remove: what is left is removed by the next server that can. */
async function removeDirectory(directory: string, log: Logger): Promise<void> {
  await rm(directory, { recursive: true, force: true }).catch((error: unknown) =>
    log.warn("what tasks have written to the directory of their worker could not be removed", {
      directory,
      error,
    }),
  );
}

/** What is made for nobody yet is not interrupted. */
const NEVER = new AbortController().signal;
const NO_SINK = { lastAtMs: undefined, write: () => {}, flush: async () => {} };
const NO_OBSERVER = {
  progress: () => {},
  prepared: () => {},
  waiting: () => {},
  started: () => {},
  ended: () => {},
};
