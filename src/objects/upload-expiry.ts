/** Removes the uploads in parts that nobody completes: at the start, and once a day. */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { HostedStore, Upload } from "./hosted-store.ts";

/** From the creation of the upload. */
export const UPLOAD_LIFETIME_MS = 7 * 24 * 3600 * 1000;
const SWEEP_EVERY_MS = 24 * 3600 * 1000;

export interface UploadExpiryOptions {
  readonly store: Pick<HostedStore, "listUploads" | "abortUpload">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The result stops it; it resolves when the current sweep has ended. */
export function expireUploads({ store, clock, log }: UploadExpiryOptions): () => Promise<void> {
  const stopping = new AbortController();

  const sweep = async (): Promise<void> => {
    const before = clock.now() - UPLOAD_LIFETIME_MS;
    for (const upload of await store.listUploads("")) {
      if (stopping.signal.aborted) return;
      if (upload.createdAt <= before) await remove(upload);
    }
  };

  /** One that cannot be removed, for example because its files are damaged, is left for the next sweep. */
  const remove = async (upload: Upload): Promise<void> => {
    const { key } = upload;
    try {
      await store.abortUpload(upload);
      const begun = new Date(upload.createdAt).toISOString();
      log.info("an upload in parts that was never completed is removed", { key, begun });
    } catch (error) {
      log.error("an abandoned upload could not be removed, and will be tried again", { key, error });
    }
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await sweep().catch((error: unknown) => {
        log.error("abandoned uploads could not be read, and will be tried again", { error });
      });
      await clock.sleep(SWEEP_EVERY_MS, { signal: stopping.signal, ref: false }).catch(() => {});
    }
  };

  const running = run();
  return async () => {
    stopping.abort();
    await running;
  };
}
