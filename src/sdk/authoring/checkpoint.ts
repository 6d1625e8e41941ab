/** Checkpoints: state that an attempt saves for the next one. */
import { activeContext } from "./context.ts";
import { fromJsonText, toJsonText } from "../../wire/literals/tagged.ts";

/** State that an attempt saves for the next one, in case it fails. */
export const checkpoint = {
  /** What the previous attempt saved last; undefined in the first attempt. */
  async load(): Promise<Uint8Array | undefined> {
    return activeContext("flyte.checkpoint").controller.checkpoints.load();
  },
  /** The same as the value that was saved, kept exactly as the result of a trace is. */
  async loadJson<T>(): Promise<T | undefined> {
    const bytes = await checkpoint.load();
    return bytes === undefined ? undefined : (fromJsonText(Buffer.from(bytes).toString("utf8")) as T);
  },
  /** Replaces what this attempt saved before. A value that is no text or bytes is saved as JSON, or refused by its path. */
  async save(state: unknown): Promise<void> {
    const bytes =
      state instanceof Uint8Array
        ? state
        : Buffer.from(typeof state === "string" ? state : toJsonText(state, "the checkpoint"));
    await activeContext("flyte.checkpoint").controller.checkpoints.save(bytes);
  },
};
