/** The certificate that is served now: read again when its files change, and watched for its expiry. */
import { messageOf } from "../../domain/errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { createPasses } from "../../lib/passes.ts";
import { readKeyPair, type KeyPair, type KeyPairFiles } from "./key-pair.ts";

export interface Certificates {
  readonly current: KeyPair;
  /** Calls back with the current one now, and with each that replaces it. */
  follow(use: (pair: KeyPair) => void): void;
  /** Reads the files now. */
  reload(): void;
  close(): Promise<void>;
}

export interface CertificatesOptions {
  readonly files: KeyPairFiles;
  /** Brings the files up to date before they are read. */
  readonly renew?: (() => Promise<void>) | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const DAY_MS = 86_400_000;
/** Their content is compared: a file may be a link whose target changes. */
const CHECK_MS = 10_000;
/** A certificate that expires earlier is warned of, each day. */
export const SOON_MS = 14 * DAY_MS;

/** Throws CONFIG_INVALID when the files cannot be served. */
export async function openCertificates(options: CertificatesOptions): Promise<Certificates> {
  const { files, renew, clock, log } = options;
  await renew?.();
  let current = await readKeyPair(files);
  let refused = "";
  let warnedAt = Number.NEGATIVE_INFINITY;
  const followers: ((pair: KeyPair) => void)[] = [];

  const read = async () => {
    await renew?.();
    const found = await readKeyPair(files);
    const isNew = found.certificate !== current.certificate || found.key !== current.key;
    if (isNew && found.notAfterMs <= clock.now())
      throw new Error(`it has expired on ${dayOf(found.notAfterMs)}`);
    refused = "";
    if (!isNew) return;
    current = found;
    warnedAt = Number.NEGATIVE_INFINITY;
    for (const use of followers) use(current);
    log.info("the certificate was replaced", { file: files.certificate, expires: dayOf(current.notAfterMs) });
  };
  const refuse = (error: unknown) => {
    // Once for each reason: the files are read every few seconds.
    if (messageOf(error) === refused) return;
    refused = messageOf(error);
    log.error("the new certificate cannot be used: the previous one stays", {
      file: files.certificate,
      error,
    });
  };
  const warn = () => {
    const left = current.notAfterMs - clock.now();
    if (left > SOON_MS || clock.now() - warnedAt < DAY_MS) return;
    warnedAt = clock.now();
    const what = left > 0 ? "the certificate expires soon" : "the certificate has expired";
    log.warn(what, { file: files.certificate, expires: dayOf(current.notAfterMs) });
  };
  const passes = createPasses({
    pass: async () => {
      await read().catch(refuse);
      warn();
      passes.requestIn(CHECK_MS);
    },
    onFailure: refuse,
    retryMs: CHECK_MS,
    clock,
  });
  warn();
  passes.requestIn(CHECK_MS);

  return {
    get current() {
      return current;
    },
    follow: (use) => {
      followers.push(use);
      use(current);
    },
    reload: passes.request,
    close: () => passes.stop(),
  };
}

export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
