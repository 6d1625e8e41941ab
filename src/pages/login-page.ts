/** Where people sign in with a token or the local login secret. It works without scripts. */
import type { ServerResponse } from "node:http";
import type { Login } from "../domain/auth-mode.ts";
import { html } from "./html.ts";
import { layout } from "./layout.ts";
import { HOME_PATH, LOGIN_PATH } from "./paths.ts";
import { sendPage } from "./respond.ts";

export interface LoginPage {
  /** What people sign in with. */
  readonly login: Exclude<Login, "none">;
  readonly status: number;
  /** The page to go on to. */
  readonly next: string;
  /** Why it is shown again. */
  readonly problem?: string;
}

export function sendLoginPage(response: ServerResponse, { login, status, next, problem }: LoginPage): void {
  const main = html`<form class="login" method="post" action="${LOGIN_PATH}">
    <h1>Sign in</h1>
    ${problem !== undefined && html`<p class="box bad" role="alert">${problem}</p>`}
    <p>
      <label
        >${LABELS[login]}
        <input
          name="token"
          type="password"
          required
          autofocus
          autocomplete="current-password"
          spellcheck="false"
      /></label>
    </p>
    <input type="hidden" name="next" value="${next}" />
    <p><button type="submit">Sign in</button></p>
    <p class="text">${HELP[login]}</p>
  </form>`;
  const parts = { title: "Sign in · Boxkite", crumbs: [], main, isOpenToAnyone: false, isSignIn: true };
  sendPage(response, status, layout(parts));
}

const LABELS = { token: "Token", "local-secret": "Local login secret" } as const;

const HELP = {
  token: html`A token starts with <code>bkt_</code>. The operator of this server makes one with
    <code>boxkite token create</code>.`,
  "local-secret": html`The link that <code>boxkite up</code> printed signs you in. The secret starts with
    <code>bkl.</code>; <code>boxkite config create</code> writes it into a client's configuration, as the end
    of the endpoint.`,
} as const;

/** The address of the form, from which the page of this address follows. */
export function loginPath(next: string): string {
  return next === HOME_PATH ? LOGIN_PATH : `${LOGIN_PATH}?next=${encodeURIComponent(next)}`;
}

/** Only to pages of this server: no link may lead from its form to somewhere else. */
export function safeNext(next: string | null): string {
  const isOwn = next !== null && /^\/v2(?:[/?][!-[\]-~]*)?$/u.test(next);
  return isOwn ? next : HOME_PATH;
}
