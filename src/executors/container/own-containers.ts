/**
 * Which attempts may have a container of their own: those of which an earlier server has left one, and those for which this
 * server has begun to make one. Most attempts of a server with workers never do, and asking the engine about each of them would
 * take more processor time than the start in a worker.
 *
 * What the engine makes for an earlier server after it was listed is never started by that one: the container is replaced when
 * one of its name is created. Where the attempt runs in a worker none is, and the container stays, without a process, until
 * a later server of this instance ends it as a leftover.
 */
import type { EngineApi } from "../../containers/api.ts";
import { containerName, keyOfLabels, LABEL } from "./container-spec.ts";

export class OwnContainers {
  readonly #api: Pick<EngineApi, "listContainers">;
  readonly #instance: string;
  readonly #names = new Set<string>();
  #listed: Promise<void> | undefined;

  constructor(api: Pick<EngineApi, "listContainers">, instance: string) {
    this.#api = api;
    this.#instance = instance;
  }

  /** `name`: of the container. Throws what the engine answers the first time; after an error it is asked again. */
  async mayInclude(name: string): Promise<boolean> {
    this.#listed ??= this.#list().catch((error: unknown) => {
      this.#listed = undefined;
      throw error;
    });
    await this.#listed;
    return this.#names.has(name);
  }

  /** To be called before it is created. */
  add(name: string): void {
    this.#names.add(name);
  }

  removed(name: string): void {
    this.#names.delete(name);
  }

  async #list(): Promise<void> {
    for (const { labels } of await this.#api.listContainers([`${LABEL.instance}=${this.#instance}`])) {
      const key = keyOfLabels(labels);
      if (key !== undefined) this.#names.add(containerName(this.#instance, key));
    }
  }
}
