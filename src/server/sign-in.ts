/** Signing in and out of the pages: a token or the local login secret for a cookie. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Login } from "../domain/auth-mode.ts";
import type { Principal } from "../domain/principal.ts";
import { safeNext, sendLoginPage } from "../pages/login-page.ts";
import { LOGIN_PATH } from "../pages/paths.ts";
import { sendProblem } from "../pages/not-found.ts";
import { queryOf, redirect } from "../pages/respond.ts";
import { isSameOrigin } from "../pages/same-origin.ts";
import { FORM_TOKEN } from "../pages/viewer.ts";
import { ORIGIN_HEADER } from "../services/origin.ts";
import { readSmallBody } from "../services/small-body.ts";
import type { FailedSignIns } from "./failed-sign-ins.ts";
import { formTokenOf } from "./sessions.ts";

export const COOKIE_LIFETIME_MS = 12 * 3_600_000;

export interface SignInOptions {
  /** What people show. */
  readonly login: Exclude<Login, "none">;
  /** A session for whoever shows this; undefined where it is not valid. */
  readonly begin: (shown: string) => Promise<{ readonly session: string; readonly by: SignedIn } | undefined>;
  /** Undefined for a session that has ended. */
  readonly signedInBy: (session: string) => Promise<SignedIn | undefined>;
  readonly end: (session: string) => Promise<void>;
  /** Slows whoever guesses. @default nobody, since what people show cannot be guessed */
  readonly failed?: FailedSignIns;
}

export type SignedIn = Pick<Principal, "who" | "identity">;

/** Called with who signs in or out, as soon as that is known. */
export type SignedInAs = (by: SignedIn) => void;

export interface SignIn {
  showForm(request: IncomingMessage, response: ServerResponse): void;
  /** `from`: the address of the browser. */
  signIn(request: IncomingMessage, response: ServerResponse, from: string, as: SignedInAs): Promise<void>;
  /** Signs in with what a link showed, and goes on to the page that it led to. */
  follow(
    request: IncomingMessage,
    response: ServerResponse,
    shown: string,
    page: string,
    as: SignedInAs,
  ): Promise<void>;
  signOut(request: IncomingMessage, response: ServerResponse, as: SignedInAs): Promise<void>;
}

export function createSignIn({ login, begin, signedInBy, end, failed }: SignInOptions): SignIn {
  return {
    showForm: (request, response) =>
      sendLoginPage(response, { login, status: 200, next: safeNext(queryOf(request).get("next")) }),
    signIn: async (request, response, from, as) => {
      const body = new URLSearchParams(await readSmallBody(request));
      if (!isSameOrigin(request)) return refuseOrigin(response);
      const next = safeNext(body.get("next"));
      const wait = failed?.secondsToWait(from) ?? 0;
      if (wait > 0) {
        response.setHeader("retry-after", String(wait));
        const problem = `There were too many wrong tokens from your address. Try again in ${wait} seconds.`;
        return sendLoginPage(response, { login, status: 429, next, problem });
      }
      const begun = await begin((body.get("token") ?? "").trim());
      if (begun === undefined) {
        failed?.note(from);
        return sendLoginPage(response, { login, status: 401, next, problem: NOT_VALID[login] });
      }
      as(begun.by);
      setCookie(request, response, begun.session);
      return redirect(response, 303, next);
    },
    follow: async (request, response, shown, page, as) => {
      const begun = await begin(shown);
      if (begun !== undefined) {
        as(begun.by);
        setCookie(request, response, begun.session);
      }
      return redirect(response, 303, safeNext(page));
    },
    signOut: async (request, response, as) => {
      const body = new URLSearchParams(await readSmallBody(request));
      const session = sessionOf(request);
      const by = session === undefined ? undefined : await signedInBy(session);
      if (by !== undefined) as(by);
      const isOwnForm = session === undefined || body.get(FORM_TOKEN) === formTokenOf(session);
      // Also without the cookie, which a browser does not send for a form of another origin: the answer removes it.
      if (!isSameOrigin(request) || !isOwnForm) return refuseOrigin(response);
      if (session !== undefined) await end(session);
      setCookie(request, response, "", 0);
      return redirect(response, 303, LOGIN_PATH);
    },
  };
}

const NOT_VALID = {
  token: "This token is not valid: it was mistyped, it has expired, or it was revoked.",
  "local-secret": "This secret is not valid: it was mistyped, or boxkite keys rotate has replaced it.",
} as const;

const COOKIE = "boxkite_session";

/** The session of the request's cookie. */
export function sessionOf({ headers }: Pick<IncomingMessage, "headers">): string | undefined {
  return new RegExp(`(?:^|;\\s*)${COOKIE}=([\\w-]+)(?:;|$)`, "u").exec(headers.cookie ?? "")?.[1];
}

/** Lax, not Strict: a link from elsewhere to a run's page shows it. Nothing changes by a GET. */
function setCookie(
  { headers }: IncomingMessage,
  response: ServerResponse,
  value: string,
  seconds = COOKIE_LIFETIME_MS / 1_000,
): void {
  const secure = String(headers[ORIGIN_HEADER]).startsWith("https:") ? "; Secure" : "";
  response.setHeader(
    "set-cookie",
    `${COOKIE}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`,
  );
}

function refuseOrigin(response: ServerResponse): void {
  const text =
    "People sign in and out on this server's own pages only: this request came from somewhere else.";
  sendProblem({ isOpenToAnyone: false }, response, { status: 403, title: "Refused", text });
}
