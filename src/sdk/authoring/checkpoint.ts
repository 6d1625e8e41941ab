/** Checkpoints: state that an attempt saves for the next one. */
import { activeContext } from "./context.ts";

/** State that an attempt saves for the next one, in case it fails. */
export const checkpoint = {
  /** What the previous attempt saved last; undefined in the first attempt. */
  async load(): Promise<Uint8Array | undefined> {
    return activeContext("flyte.checkpoint").controller.checkpoints.load();
  },
  /** The same as parsed JSON. */
  async loadJson<T>(): Promise<T | undefined> {
    const bytes = await checkpoint.load();
    return bytes === undefined ? undefined : (JSON.parse(Buffer.from(bytes).toString("utf8")) as T);
  },
  /** Replaces what this attempt saved before. A value that is no text or bytes is saved as JSON. */
  async save(state: unknown): Promise<void> {
    const bytes =
      state instanceof Uint8Array
        ? state
        : Buffer.from(typeof state === "string" ? state : JSON.stringify(state));
    await activeContext("flyte.checkpoint").controller.checkpoints.save(bytes);
  },
};
