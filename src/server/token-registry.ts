/**
 * The tokens in use, in memory: a call costs one hash and no read of the store. `boxkite token` writes from a process of
 * its own, so the store is read again every two seconds: what is revoked, has expired or may do less ends then, with the
 * connections that it opened.
 */
import { timingSafeEqual } from "node:crypto";
import { isLowered, isValid, type AccessToken } from "../domain/access-token.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createPasses } from "../lib/passes.ts";
import { hashOfToken, idOfToken } from "../lib/token-text.ts";
import type { Store } from "../store/store.ts";

/** A token that is valid now. */
export interface ValidToken {
  readonly token: AccessToken;
  /** Aborts when the token ends or may do less: what was opened with it must end. */
  readonly signal: AbortSignal;
}

export interface TokenRegistry {
  /** By its text; undefined for one that is not valid. */
  find(text: string): Promise<ValidToken | undefined>;
  /** By its id, for a caller who has shown the text before. */
  byId(id: string): Promise<ValidToken | undefined>;
  stop(): Promise<void>;
}

export interface TokenRegistryOptions {
  readonly store: Pick<Store, "getToken" | "listTokens" | "tokenUsed">;
  readonly clock: Clock;
  readonly log: Logger;
}

const REFRESH_MS = 2_000;
/** How accurately the last use is stored. */
const USED_MS = 3_600_000;

interface Entry {
  token: AccessToken;
  readonly end: AbortController;
}

export function createTokenRegistry({ store, clock, log }: TokenRegistryOptions): TokenRegistry {
  const entries = new Map<string, Entry>();

  const end = (id: string, { end }: Entry) => {
    entries.delete(id);
    end.abort();
  };

  const refresh = async () => {
    if (entries.size === 0) return;
    const stored = new Map((await store.listTokens()).map((token) => [token.id, token]));
    for (const [id, entry] of entries) {
      const token = stored.get(id);
      if (token === undefined || !isValid(token, clock.now()) || isLowered(entry.token.grants, token.grants))
        end(id, entry);
      else entry.token = token;
    }
  };
  const passes = createPasses({
    pass: async () => {
      await refresh();
      passes.requestIn(REFRESH_MS);
    },
    onFailure: (error) => log.error("the tokens could not be read again", { error }),
    retryMs: REFRESH_MS,
    clock,
  });
  passes.requestIn(REFRESH_MS);

  const entryOf = async (id: string): Promise<Entry | undefined> => {
    const known = entries.get(id);
    if (known !== undefined) {
      if (isValid(known.token, clock.now())) return known;
      end(id, known);
      return undefined;
    }
    const token = await store.getToken(id);
    if (token === undefined || !isValid(token, clock.now())) return undefined;
    const entry = entries.get(id) ?? { token, end: new AbortController() };
    entries.set(id, entry);
    return entry;
  };

  const noteUse = (entry: Entry) => {
    const now = clock.now();
    const { id, usedAt } = entry.token;
    if (usedAt !== undefined && now - usedAt < USED_MS) return;
    entry.token = { ...entry.token, usedAt: now };
    store
      .tokenUsed(id, now)
      .catch((error: unknown) => log.warn("the use of a token could not be stored", { id, error }));
  };

  const byId = async (id: string): Promise<ValidToken | undefined> => {
    const entry = await entryOf(id);
    if (entry === undefined) return undefined;
    noteUse(entry);
    return { token: entry.token, signal: entry.end.signal };
  };

  return {
    byId,
    find: async (text) => {
      const id = idOfToken(text);
      const entry = id === undefined ? undefined : await entryOf(id);
      if (id === undefined || entry === undefined || !isEqual(hashOfToken(text), entry.token.hash))
        return undefined;
      return byId(id);
    },
    stop: () => passes.stop(),
  };
}

function isEqual(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
