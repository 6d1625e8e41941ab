/** People and machines: who they are by what a request shows, and how they sign in and out; here by tokens. */
import type { Identity } from "../domain/principal.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { isTokenText } from "../lib/token-text.ts";
import type { Viewer } from "../pages/viewer.ts";
import type { TokenReader } from "../services/authorise/token.ts";
import { parseSignalPath } from "../services/signal-page.ts";
import type { Store } from "../store/store.ts";
import { createFailedSignIns } from "./failed-sign-ins.ts";
import type { Request } from "./listener.ts";
import { createSessions, formTokenOf, type Sessions } from "./sessions.ts";
import { COOKIE_LIFETIME_MS, createSignIn, sessionOf, type SignedIn, type SignIn } from "./sign-in.ts";
import { ACCESS_TOKEN_LIFETIME_MS, createTokenEndpoint, type TokenEndpoint } from "./token-endpoint.ts";
import { createTokenRegistry, type ValidToken } from "./token-registry.ts";

/** Who shows something by which they are known. */
export interface Identified {
  readonly identity: Identity;
  /** The token's name. */
  readonly who?: string;
  readonly viewer?: Viewer | undefined;
  /** Aborts when the token ends or may do less. */
  readonly signal?: AbortSignal;
  /** Of an address that showed too many wrong tokens: the seconds that it has to wait. */
  readonly waitSeconds?: number;
  /** The secret in the link that a browser followed: a cookie takes its place. */
  readonly followedLink?: string;
}

export interface People {
  readonly tokens: TokenReader;
  /** Aborts when the token with this id ends or may do less; undefined for one that is not valid. */
  signalOf(tokenId: string): Promise<AbortSignal | undefined>;
  readonly signIn: SignIn;
  /** Undefined where no tokens are given out. */
  readonly tokenEndpoint: TokenEndpoint | undefined;
  /** Who calls without showing anything. */
  readonly nobody: Identity;
  /** `pathToken`: from the request's path; `path`: without it. Undefined where the request shows nothing. */
  identify(
    request: Pick<Request, "headers" | "method">,
    caller: { readonly path: string; readonly pathToken: string | undefined; readonly from: string },
  ): Promise<Identified> | undefined;
  stop(): Promise<void>;
}

export interface PeopleOptions {
  readonly store: Pick<
    Store,
    "getToken" | "listTokens" | "tokenUsed" | "beginSession" | "findSession" | "endSession"
  >;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createPeople(options: PeopleOptions): People {
  const tokens = createTokenRegistry(options);
  const failed = createFailedSignIns(options.clock);
  const cookies = createSessions({ ...options, kind: "cookie", lifetimeMs: COOKIE_LIFETIME_MS });
  const accessTokens = createSessions({
    ...options,
    kind: "access_token",
    lifetimeMs: ACCESS_TOKEN_LIFETIME_MS,
  });

  const ofSession = async (sessions: Sessions, secret: string): Promise<ValidToken | undefined> => {
    const id = await sessions.find(secret);
    return id === undefined ? undefined : tokens.byId(id);
  };

  const ofText = async (text: string, from: string): Promise<Identified> => {
    const isToken = isTokenText(text);
    const found = isToken ? await tokens.find(text) : await ofSession(accessTokens, text);
    if (found !== undefined) return identified(found);
    // An access token that has ended is no guess.
    if (!isToken) return { identity: WRONG_TOKEN };
    const waitSeconds = failed.secondsToWait(from);
    failed.note(from);
    return { identity: WRONG_TOKEN, ...(waitSeconds > 0 && { waitSeconds }) };
  };

  const ofCookie = async (session: string): Promise<Identified> => {
    const found = await ofSession(cookies, session);
    if (found === undefined) return { identity: NO_TOKEN };
    return {
      ...identified(found),
      viewer: { name: found.token.name, formToken: formTokenOf(session) },
    };
  };

  return {
    tokens: { find: async (id) => (await tokens.byId(id))?.token },
    signalOf: async (id) => (await tokens.byId(id))?.signal,
    signIn: createSignIn({
      login: "token",
      begin: async (token) => {
        const found = await tokens.find(token);
        return found && { session: await cookies.begin(found.token.id), by: identified(found) };
      },
      signedInBy: async (session) => {
        const found = await ofSession(cookies, session);
        return found && identified(found);
      },
      end: (session) => cookies.end(session),
      failed,
    }),
    tokenEndpoint: createTokenEndpoint({ tokens, sessions: accessTokens, failed }),
    nobody: NO_TOKEN,
    identify: (request, { path, pathToken, from }) => {
      const text = pathToken ?? bearerOf(request);
      if (text !== undefined) return ofText(text, from);
      const session = takesCookie(path) ? sessionOf(request) : undefined;
      return session === undefined ? undefined : ofCookie(session);
    },
    stop: () => tokens.stop(),
  };
}

function identified({ token, signal }: ValidToken): Identified & SignedIn {
  return { identity: { kind: "token", id: token.id }, who: token.name, signal };
}

export function bearerOf({ headers }: Pick<Request, "headers">): string | undefined {
  return /^bearer +(\S+)$/iu.exec(headers.authorization ?? "")?.[1];
}

/** Pages only, whose forms are protected: a page of another origin can make a browser call anything else, too. */
export function takesCookie(path: string): boolean {
  return (path === "/" || path.startsWith("/v2")) && parseSignalPath(path) === undefined;
}

/** A call that shows no token, where one is needed. */
const NO_TOKEN: Identity = {
  kind: "stranger",
  why: "this server asks for a token, and the call has none",
  hint:
    "ask its operator for one (boxkite token create), and connect with it: over TLS by authType ExternalCommand or " +
    "ClientSecret, on the server's own machine by the endpoint HOST:PORT/t/TOKEN, in a browser at /login",
};

const WRONG_TOKEN: Identity = {
  kind: "stranger",
  why: "the token of the call is not valid: it was mistyped, it has expired, or it was revoked",
  hint: "ask the operator of the server for another one: boxkite token create",
};
