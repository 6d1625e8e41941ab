/** The interface of a platform: what runs attempts, what builds images, and how both reach the server. */
import type { ContainerConnections } from "../domain/auth-mode.ts";
import type { ImageBuilder } from "../builds/builder.ts";
import type { RegistryResolver } from "../builds/base-image.ts";
import type { ImageRecords } from "../executors/image-records.ts";
import type { FindBundleObject } from "../code-bundles/code-bundles.ts";
import type { Executor } from "../executors/executor.ts";
import type { ImageChecker } from "../executors/image-checker.ts";
import type { FactsCache } from "../images/check/facts-cache.ts";
import type { Logger } from "../lib/log.ts";
import type { Reach } from "./reach.ts";

export interface ExecutorContext {
  /** Identifies the store's server: the same after a restart, different for another store. */
  readonly instance: string;
  readonly dataDirectory: string;
  readonly log: Logger;
  /** Undefined: what is found in images is not kept. */
  readonly records?: ImageRecords;
  /** Finds the code that is sent with runs. Undefined: tasks fetch it themselves. */
  readonly findCode?: FindBundleObject;
  /** Of Python runtimes: shared by the servers of this user. Undefined: images are started as they are. */
  readonly runtimesDirectory?: string;
}

/** What the image build service needs. */
export interface ImageTools {
  readonly builder: ImageBuilder;
  readonly registry: RegistryResolver;
  /** Whether build steps get the machine's own certificate authorities. */
  readonly certificates: boolean;
}

/** What is known of an engine, and what will not work with it. */
export interface EngineReport {
  readonly summary: string;
  readonly advice: readonly Advice[];
}

export interface Advice {
  readonly what: string;
  readonly hint?: string | undefined;
}

/** Everything that depends on where the server runs: today a container engine on one machine, later a cluster. */
export interface Platform extends Reach {
  createExecutor(context: ExecutorContext): Promise<Executor>;
  /** Creates the image builder; undefined if the platform has none. */
  readonly createImageTools: (() => Promise<ImageTools>) | undefined;
  /** Creates what checks images; undefined if the platform runs none. Without a cache nothing is kept. */
  readonly createImageChecker: ((cache: FactsCache | undefined) => ImageChecker) | undefined;
  readonly engineReport: EngineReport;
  /** Undefined where attempts run in no containers. */
  readonly containerConnections: ContainerConnections | undefined;
  /** Checks whether attempts can reach the server. Undefined: there is nothing to check. */
  probe(
    port: number,
    signal?: AbortSignal,
  ): Promise<{ readonly ok: true; readonly endpoint: string; readonly note?: string } | undefined>;
  close(): Promise<void>;
}
