/**
 * The local login: where containers of tasks come over loopback, people on this machine show a secret by which they are
 * told from them. Like tokens of tasks it is signed, not stored: whoever may read the data directory may make it
 * (`boxkite config create`), and `boxkite keys rotate` replaces it: the one before is valid as long as its key, at most
 * `--valid-for`.
 */
import { randomBytes } from "node:crypto";
import { EVERYONE, LOCAL, type Identity } from "../domain/principal.ts";
import type { Clock } from "../lib/clock.ts";
import { LOCAL_SECRET_PREFIX } from "../lib/token-text.ts";
import type { SigningKeys } from "../orchestrator/signing-keys.ts";
import { NO_TOKENS } from "../services/authorise/token.ts";
import type { Request } from "./listener.ts";
import { bearerOf, takesCookie, type Identified, type People } from "./people.ts";
import { formTokenOf } from "./sessions.ts";
import { COOKIE_LIFETIME_MS, createSignIn, sessionOf } from "./sign-in.ts";

const PURPOSE = "local-login";
const SESSION_PURPOSE = "local-session";

/** Only of characters that a path, a header and a shell's word hold as they are. */
export function localSecretOf(keys: SigningKeys): string {
  return LOCAL_SECRET_PREFIX + keys.sign(PURPOSE, "");
}

function isLocalSecret(keys: SigningKeys, text: string): boolean {
  return (
    text.startsWith(LOCAL_SECRET_PREFIX) && keys.verify(PURPOSE, "", text.slice(LOCAL_SECRET_PREFIX.length))
  );
}

/** No limit for wrong secrets: nobody guesses 256 bits, and a container that tried would lock out the machine's people. */
export function createLocalLogin(keys: SigningKeys, clock: Clock): People {
  const ofCookie = (session: string): Identified => {
    if (!isValidSession(session, keys, clock)) return { identity: NO_SECRET };
    return { identity: EVERYONE, viewer: { name: LOCAL.who, formToken: formTokenOf(session) } };
  };

  return {
    tokens: NO_TOKENS,
    signalOf: async () => undefined,
    tokenEndpoint: undefined,
    nobody: NO_SECRET,
    signIn: createSignIn({
      login: "local-secret",
      begin: async (shown) =>
        isLocalSecret(keys, shown) ? { session: beginSession(keys, clock), by: LOCAL } : undefined,
      signedInBy: async (session) => (isValidSession(session, keys, clock) ? LOCAL : undefined),
      // What is signed cannot be taken back: the browser forgets it, and it ends after its time.
      end: async () => {},
    }),
    identify: (request, { path, pathToken }) => {
      const isPage = takesCookie(path);
      const text = pathToken ?? bearerOf(request);
      if (text !== undefined) {
        if (!isLocalSecret(keys, text)) return Promise.resolve({ identity: WRONG_SECRET });
        const isLink = pathToken !== undefined && isPage && isBrowser(request);
        return Promise.resolve({ identity: EVERYONE, ...(isLink && { followedLink: text }) });
      }
      const session = isPage ? sessionOf(request) : undefined;
      return session === undefined ? undefined : Promise.resolve(ofCookie(session));
    },
    stop: async () => {},
  };
}

/** Programs that read a page by the path of their endpoint keep no cookie. */
function isBrowser({ method, headers }: Pick<Request, "method" | "headers">): boolean {
  return method === "GET" && headers.accept?.includes("text/html") === true;
}

/** Signed, too, so that browsers stay signed in when the server starts again. */
function beginSession(keys: SigningKeys, clock: Clock): string {
  const text = `${clock.now() + COOKIE_LIFETIME_MS}-${randomBytes(16).toString("hex")}`;
  return `${text}-${keys.sign(SESSION_PURPOSE, text)}`;
}

function isValidSession(session: string, keys: SigningKeys, clock: Clock): boolean {
  const [, text = "", until, signature = ""] = /^((\d+)-[0-9a-f]+)-(.+)$/u.exec(session) ?? [];
  return keys.verify(SESSION_PURPOSE, text, signature) && clock.now() < Number(until);
}

const NO_SECRET: Identity = {
  kind: "stranger",
  why: "this server asks for the local login secret, and the call has none",
  hint:
    "run boxkite config create: it writes a client configuration with the secret; in a browser, open the link that " +
    "boxkite up printed",
};

const WRONG_SECRET: Identity = {
  kind: "stranger",
  why: "the local login secret of the call is not valid: it was mistyped, or boxkite keys rotate has replaced it",
  hint: "boxkite config create --force writes the client configuration again",
};
