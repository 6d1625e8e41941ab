/** Signing keys for tests: one key that is always valid, or those of a server's data directory. */
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { createSigningKeys, type SigningKeys } from "../../src/orchestrator/signing-keys.ts";
import { findSigningKeys } from "../../src/orchestrator/stored-signing-keys.ts";
import { STORE_FILE } from "../../src/server/store-file.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";

export function signingKeysOf(secret: string): SigningKeys {
  return createSigningKeys(() => [{ id: "1", secret, createdAt: 0 }], systemClock);
}

/** As they are now. */
export async function signingKeysIn(dataDirectory: string): Promise<SigningKeys> {
  const store = openSqliteStore(join(dataDirectory, STORE_FILE));
  try {
    const ring = await findSigningKeys(store);
    if (ring === undefined) throw new Error("no server was started there");
    return createSigningKeys(() => ring, systemClock);
  } finally {
    await store.close();
  }
}
