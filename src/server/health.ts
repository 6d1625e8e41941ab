/** Whether the server can do its work: what it stores lasts, and its disk takes more. */
import type { AuditLog } from "../audit/audit-log.ts";
import type { BoxkiteError } from "../domain/errors.ts";
import { isStorageError } from "../domain/errors.ts";
import type { HostedStore } from "../objects/hosted-store.ts";
import type { Store } from "../store/store.ts";

/** Where it is asked. */
export const HEALTH_PATHS: readonly string[] = ["/healthz", "/v2/healthz"];

/** What is wrong; undefined if nothing is. Throws what is no trouble with storage. */
export type CheckHealth = () => Promise<BoxkiteError | undefined>;

export function createHealth(
  store: Pick<Store, "check">,
  objects: Pick<HostedStore, "check">,
  audit: Pick<AuditLog, "check">,
): CheckHealth {
  let running: ReturnType<CheckHealth> | undefined;
  const check = async (): Promise<BoxkiteError | undefined> => {
    try {
      await store.check();
      await objects.check();
      audit.check();
      return undefined;
    } catch (error) {
      if (isStorageError(error)) return error;
      throw error;
    } finally {
      running = undefined;
    }
  };
  // Requests that arrive together share one check, which writes to the disk.
  return () => (running ??= check());
}
