/** The signing keys of the server that owns a data directory, whether it runs or not. */
import { BoxkiteError } from "../domain/errors.ts";
import { systemClock } from "../lib/clock.ts";
import { createSigningKeys, type SigningKeys } from "../orchestrator/signing-keys.ts";
import { findSigningKeys } from "../orchestrator/stored-signing-keys.ts";
import type { Store } from "../store/store.ts";

/** Throws CONFIG_INVALID where no server has started on the store yet. */
export async function readSigningKeys(store: Store): Promise<SigningKeys> {
  const ring = await findSigningKeys(store);
  if (ring !== undefined) return createSigningKeys(() => ring, systemClock);
  throw new BoxkiteError("CONFIG_INVALID", "the store of the data directory has no signing key yet", {
    hint: "it is made by the first start of boxkite up",
  });
}
