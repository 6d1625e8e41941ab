/** Calls that reached no server: what Node's network says, with what to do about it. */
import { BoxkiteError } from "../domain/errors.ts";

const ADDRESS =
  "is the server running (npx boxkite up), and is admin.endpoint of the configuration its address?";
const AUTHORITY =
  "give the certificate of the authority that signed the server's: admin.caCertFilePath in the configuration";
const PLAIN = "does the server speak plain HTTP? Then set admin.insecure: true in the configuration";

/** By the code of Node's error. A connection that breaks later is not among them: the call may have had its effect. */
const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: ADDRESS,
  EHOSTUNREACH: ADDRESS,
  ENETUNREACH: ADDRESS,
  ENOTFOUND: ADDRESS,
  EAI_AGAIN: ADDRESS,
  ETIMEDOUT: ADDRESS,
  DEPTH_ZERO_SELF_SIGNED_CERT: AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: AUTHORITY,
  CERT_HAS_EXPIRED: "the server's certificate has to be renewed",
  ERR_TLS_CERT_ALTNAME_INVALID: "use a name in admin.endpoint that the server's certificate has",
  EPROTO: PLAIN,
};

/** Undefined for an error of a call that did reach a server. `cause`: Node's error; `text`: what it says. */
export function unreachable(cause: unknown, text: string, origin: string): BoxkiteError | undefined {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  const hint = code !== undefined && Object.hasOwn(HINTS, code) ? HINTS[code] : undefined;
  if (hint === undefined) return undefined;
  return new BoxkiteError("SERVER_UNREACHABLE", `${origin} could not be reached: ${text}`, { hint });
}
