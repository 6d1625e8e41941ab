/** What a client gets in exchange for a token and shows instead of it for a while. */
import type { TimeMs } from "./action.ts";

/** Of a browser, or of a program that signs in by OAuth. */
export type SessionKind = "cookie" | "access_token";

export interface Session {
  readonly kind: SessionKind;
  /** SHA-256 of its secret, as hexadecimal digits. */
  readonly hash: string;
  /** Id of the token, with which it ends. */
  readonly token: string;
  readonly until: TimeMs;
}
