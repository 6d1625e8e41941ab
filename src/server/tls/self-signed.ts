/**
 * An authority of the server's own and the certificate that it signs for it, in files of the data directory. The
 * authority stays, because clients keep its certificate; the server's certificate is made again in time.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { makeAuthority, makeServerCertificate, type Issued } from "./certificate.ts";
import type { KeyPairFiles } from "./key-pair.ts";

export interface SelfSigned extends KeyPairFiles {
  /** The authority's certificate, for clients. */
  readonly authority: string;
}

export interface SelfSignedOptions {
  /** Of the files. */
  readonly directory: string;
  /** DNS names and addresses by which clients know the server. */
  readonly names: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

const DAY_MS = 86_400_000;
/** Before it is made: clients' clocks differ. */
const BACKDATED_MS = DAY_MS;
const AUTHORITY_MS = 3_650 * DAY_MS;
const CERTIFICATE_MS = 90 * DAY_MS;
/** The server's certificate is made again when this much of its time is left. */
const RENEWED_MS = 30 * DAY_MS;

export function selfSignedFiles(directory: string): SelfSigned {
  return {
    authority: join(directory, "ca.crt"),
    certificate: join(directory, "server.crt"),
    key: join(directory, "server.key"),
  };
}

/** Makes what is missing, does not belong together, lacks a name or expires soon. */
export async function ensureSelfSigned(options: SelfSignedOptions): Promise<void> {
  const { directory, names, clock, log } = options;
  const now = clock.now();
  const files = selfSignedFiles(directory);
  const keyOfAuthority = join(directory, "ca.key");
  await mkdir(directory, { recursive: true, mode: 0o700 });

  let authority = await readIssued(files.authority, keyOfAuthority);
  if (authority === undefined || expiresBefore(authority, now + CERTIFICATE_MS)) {
    authority = makeAuthority(validFor(AUTHORITY_MS, now));
    await writeIssued(authority, files.authority, keyOfAuthority);
    log.info("a certificate authority was made: clients need its certificate", { file: files.authority });
  }
  const served = await readIssued(files.certificate, files.key);
  if (served !== undefined && isFor(names, served, authority) && !expiresBefore(served, now + RENEWED_MS))
    return;
  const made = makeServerCertificate({ authority, names, ...validFor(CERTIFICATE_MS, now) });
  await writeIssued(made, files.certificate, files.key);
  log.info("a certificate for the server was made", { file: files.certificate, names });
}

function validFor(ms: number, now: number): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  return { notBeforeMs: now - BACKDATED_MS, notAfterMs: now + ms };
}

function expiresBefore({ certificate }: Issued, ms: number): boolean {
  return new X509Certificate(certificate).validToDate.getTime() < ms;
}

function isFor(names: readonly string[], { certificate }: Issued, authority: Issued): boolean {
  const parsed = new X509Certificate(certificate);
  const has = (name: string) => (isIP(name) === 0 ? parsed.checkHost(name) : parsed.checkIP(name));
  return (
    parsed.verify(new X509Certificate(authority.certificate).publicKey) &&
    names.every((name) => has(name) !== undefined)
  );
}

/** Undefined if a file is missing or damaged, or the two do not belong together, as after a crash between them. */
async function readIssued(certificateFile: string, keyFile: string): Promise<Issued | undefined> {
  try {
    const [certificate, pem] = await Promise.all([
      readFile(certificateFile, "utf8"),
      readFile(keyFile, "utf8"),
    ]);
    const key = createPrivateKey(pem);
    return new X509Certificate(certificate).checkPrivateKey(key) ? { certificate, key } : undefined;
  } catch {
    return undefined;
  }
}

async function writeIssued({ certificate, key }: Issued, certificateFile: string, keyFile: string) {
  await replace(keyFile, pemOf(key), 0o600);
  await replace(certificateFile, certificate, 0o644);
}

function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Whole, or not at all. */
async function replace(file: string, content: string, mode: number): Promise<void> {
  const partial = `${file}.new`;
  await writeFile(partial, content, { mode, flush: true });
  await rename(partial, file);
}
