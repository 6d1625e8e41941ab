/**
 * What a client gets in exchange for a token, and shows instead of it for a while: the cookie of a browser, the access
 * token of a program. Kept in memory, so both end with the server: browsers sign in again, programs by themselves.
 */
import { createHash, randomBytes } from "node:crypto";
import type { TimeMs } from "../domain/action.ts";
import type { Clock } from "../lib/clock.ts";

export interface Sessions {
  /** The secret of a new session of the token with this id. */
  begin(tokenId: string): string;
  /** The id of the token that the session is of; undefined for one that has ended, or never was. */
  find(secret: string): string | undefined;
  end(secret: string): void;
}

/** Beyond, the oldest end. */
const MAX_SESSIONS = 10_000;

export function createSessions(clock: Clock, lifetimeMs: number): Sessions {
  // In the order in which they began, and so in that of their ends.
  const sessions = new Map<string, { readonly tokenId: string; readonly until: TimeMs }>();
  const dropOld = () => {
    for (const [secret, { until }] of sessions) {
      if (clock.now() < until && sessions.size < MAX_SESSIONS) return;
      sessions.delete(secret);
    }
  };
  return {
    begin: (tokenId) => {
      dropOld();
      const secret = randomBytes(32).toString("base64url");
      sessions.set(secret, { tokenId, until: clock.now() + lifetimeMs });
      return secret;
    },
    find: (secret) => {
      const found = sessions.get(secret);
      return found !== undefined && clock.now() < found.until ? found.tokenId : undefined;
    },
    end: (secret) => void sessions.delete(secret),
  };
}

/** What a form of a page must send besides the cookie, and a page of another origin cannot know. */
export function formTokenOf(session: string): string {
  return createHash("sha256").update(`form:${session}`).digest("base64url");
}
