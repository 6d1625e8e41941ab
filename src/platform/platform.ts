/** What a platform gives to the server: where attempts run, what builds images, how both reach it. */
import type { ImageBuilder } from "../builds/builder.ts";
import type { RegistryResolver } from "../builds/base-image.ts";
import type { Executor } from "../executors/executor.ts";
import type { Logger } from "../lib/log.ts";
import type { Reach } from "./reach.ts";

export interface ExecutorContext {
  /** Names this store's server for ever: the same after a restart, another for another store. */
  readonly instance: string;
  readonly dataDirectory: string;
  readonly log: Logger;
}

/** What the image build service works with. */
export interface ImageTools {
  readonly builder: ImageBuilder;
  readonly registry: RegistryResolver;
  /** Whether build steps are handed the machine's own certificate authorities. */
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

/** Everything that depends on where the server runs: a laptop's container engine today, a cluster beside it. */
export interface Platform extends Reach {
  createExecutor(context: ExecutorContext): Promise<Executor>;
  /** What builds images beside it; undefined where nothing can. */
  readonly createImageTools: (() => Promise<ImageTools>) | undefined;
  readonly engineReport: EngineReport;
  /** Tries from where an attempt runs whether the server can be reached. Undefined: nothing to try. */
  probe(
    port: number,
  ): Promise<{ readonly ok: true; readonly endpoint: string; readonly note?: string } | undefined>;
  close(): Promise<void>;
}
