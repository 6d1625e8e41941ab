import { errnoOf } from "./errno.ts";

/** What a machine lacks for a while: descriptors, processes, memory. */
const SHORTAGES = new Set(["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"]);

/** Whether the same call may succeed later, without anybody changing anything. */
export function isShortage(error: unknown): boolean {
  return SHORTAGES.has(errnoOf(error) ?? "");
}
