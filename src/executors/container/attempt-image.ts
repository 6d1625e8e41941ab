/** The image of an attempt: pulled where the engine has not got it, and how the attempt is adapted to it. */
import { BoxkiteError } from "../../domain/errors.ts";
import { orAborted } from "../../lib/wait.ts";
import type { Finding, Pulling } from "../attempt-chart.ts";
import { AttemptEnded } from "../attempt-machine.ts";
import type { AttemptObserver, AttemptSpec } from "../executor.ts";
import type { AdaptedAttempt, StartAdapter } from "../start-adapter.ts";
import { adaptFailure } from "./adapt-failure.ts";
import type { EngineRetry } from "./engine-retry.ts";
import type { ImagePuller } from "./image-puller.ts";
import { pullFailure } from "./pull-failure.ts";

export interface AttemptImageContext {
  /** Undefined: the attempt is started as it is. */
  readonly adapter: StartAdapter | undefined;
  readonly puller: ImagePuller;
  readonly retry: EngineRetry;
  readonly spec: AttemptSpec;
  readonly observer: AttemptObserver;
}

export class AttemptImage {
  readonly #context: AttemptImageContext;
  #adapted: AdaptedAttempt | undefined;
  #isPulled = false;

  constructor(context: AttemptImageContext) {
    this.#context = context;
  }

  /** What is started: adapted to the image once that was read. */
  get spec(): AttemptSpec {
    return this.#adapted?.spec ?? this.#context.spec;
  }

  /** Undefined before the image was read, and where nothing is adapted. */
  get adapted(): AdaptedAttempt | undefined {
    return this.#adapted;
  }

  /** False where the image has to be pulled first. Throws AttemptEnded with what keeps the attempt from running in it. */
  async adapt(signal: AbortSignal): Promise<boolean> {
    const { adapter, retry, spec } = this.#context;
    if (adapter === undefined || this.#adapted !== undefined) return true;
    const options = { signal, onProgress: (message: string) => this.#progress(message, signal) };
    const adapt = () => orAborted(adapter.adapt(spec, options), signal);
    this.#adapted = await retry.run(adapt, signal, "tolerate").catch((error: unknown) => {
      if (signal.aborted || !(error instanceof BoxkiteError)) throw error;
      // What is known of it was read before it was removed from the engine.
      if (error.code === "IMAGE_NOT_FOUND" && !this.#isPulled) return undefined;
      throw new AttemptEnded(adaptFailure(error));
    });
    return this.#adapted !== undefined;
  }

  /** What follows where the engine has not got it. */
  missing(): Pulling {
    if (!this.#isPulled) return { name: "pulling" };
    const vanished = new Error("it vanished right after it was pulled");
    throw new AttemptEnded(pullFailure(this.#context.spec, vanished, "lost"));
  }

  async pull(signal: AbortSignal): Promise<Finding> {
    const { puller, spec } = this.#context;
    const report = (message: string) => this.#progress(message, signal);
    try {
      // The pull goes on for other attempts.
      await orAborted(puller.pull(spec.image, spec.isTrusted ?? false, report), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      throw new AttemptEnded(pullFailure(spec, error));
    }
    this.#isPulled = true;
    return { name: "finding" };
  }

  #progress(message: string, signal: AbortSignal): void {
    if (!signal.aborted) this.#context.observer.progress(message);
  }
}
