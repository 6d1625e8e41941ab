/** Objects that are written once: what is stored stays, byte for byte and with its attributes. */
import { ConditionFailedError, type OpenObject, type StoredObject } from "../hosted-store.ts";
import { isDamage } from "./io-error.ts";

/**
 * The stored object that a second write finds, if it has the content that was written. Undefined where there is none, or
 * one that the disk damaged: then the write takes its place. An MD5 alone would not do to replace an object, since two
 * contents can be made that share one. Throws ConditionFailedError where the content is another.
 */
export async function findWritten(
  key: string,
  written: StoredObject,
  open: (key: string) => Promise<OpenObject | undefined>,
): Promise<StoredObject | undefined> {
  try {
    const object = await open(key);
    if (object === undefined) return undefined;
    const { info } = object;
    if (info.etag !== written.etag || info.size !== written.size) {
      await object.close();
      throw new ConditionFailedError(key, true);
    }
    // Each block is checked while it is read.
    for await (const _ of object.stream()) continue;
    return info;
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}
