/** A certificate and its key, read from files and checked: what is returned can be served. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";

/** Paths of files in PEM. */
export interface KeyPairFiles {
  /** The server's certificate, then those that lead to its authority. */
  readonly certificate: string;
  readonly key: string;
}

export interface KeyPair {
  /** In PEM, as `key`. */
  readonly certificate: string;
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly notAfterMs: number;
}

/** Throws CONFIG_INVALID naming the file. A certificate that has expired is returned. */
export async function readKeyPair(files: KeyPairFiles): Promise<KeyPair> {
  const [certificate, key] = await Promise.all([readText(files.certificate), readText(files.key)]);
  const parsed = parse(files.certificate, "certificate", () => new X509Certificate(certificate));
  const privateKey = parse(files.key, "private key without a passphrase", () => createPrivateKey(key));
  if (!parsed.checkPrivateKey(privateKey)) {
    throw new BoxkiteError("CONFIG_INVALID", `${files.key} is not the key of ${files.certificate}`, {
      hint: "the server's own certificate must be the first in its file",
    });
  }
  // What OpenSSL refuses beyond that, such as a key that is too short.
  parse(files.certificate, "chain of certificates that can be served", () =>
    createSecureContext({ cert: certificate, key }),
  );
  return { certificate, key, notAfterMs: parsed.validToDate.getTime() };
}

function parse<T>(file: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new BoxkiteError("CONFIG_INVALID", `${file} has no ${what} in PEM: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new BoxkiteError("CONFIG_INVALID", `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
