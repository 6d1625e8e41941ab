/**
 * What a client gets in exchange for a token, and shows instead of it for a while: the cookie of a browser, the access
 * token of a program. The store has a hash of each, so that they outlive a restart; using one writes nothing.
 */
import { createHash, randomBytes } from "node:crypto";
import type { SessionKind } from "../domain/session.ts";
import type { Clock } from "../lib/clock.ts";
import { hashOfToken } from "../lib/token-text.ts";
import type { Store } from "../store/store.ts";

export interface Sessions {
  /** The secret of a new session of the token with this id. */
  begin(tokenId: string): Promise<string>;
  /** The id of the token that the session is of; undefined for one that has ended, or never was. */
  find(secret: string): Promise<string | undefined>;
  end(secret: string): Promise<void>;
}

export interface SessionsOptions {
  readonly store: Pick<Store, "beginSession" | "findSession" | "endSession">;
  readonly clock: Clock;
  readonly kind: SessionKind;
  readonly lifetimeMs: number;
}

/** Of one token. Beyond, its oldest end: whoever has a token can fill the store no further, and ends nobody else's. */
const MAX_SESSIONS = 1_000;

export function createSessions({ store, clock, kind, lifetimeMs }: SessionsOptions): Sessions {
  return {
    begin: async (tokenId) => {
      // Hexadecimal, so that it never begins as a token does.
      const secret = randomBytes(32).toString("hex");
      const at = clock.now();
      const session = { kind, hash: hashOfToken(secret), token: tokenId, until: at + lifetimeMs };
      await store.beginSession(session, { at, most: MAX_SESSIONS });
      return secret;
    },
    find: async (secret) => {
      const found = await store.findSession(kind, hashOfToken(secret));
      return found !== undefined && clock.now() < found.until ? found.token : undefined;
    },
    end: (secret) => store.endSession(kind, hashOfToken(secret)),
  };
}

/** What a form of a page must send besides the cookie, and a page of another origin cannot know. */
export function formTokenOf(session: string): string {
  return createHash("sha256").update(`form:${session}`).digest("base64url");
}
