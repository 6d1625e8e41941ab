/** Where people sign in with a token. It works without scripts. */
import type { ServerResponse } from "node:http";
import { html } from "./html.ts";
import { layout } from "./layout.ts";
import { HOME_PATH, LOGIN_PATH } from "./paths.ts";
import { sendPage } from "./respond.ts";

export interface LoginPage {
  readonly status: number;
  /** The page to go on to. */
  readonly next: string;
  /** Why it is shown again. */
  readonly problem?: string;
}

export function sendLoginPage(response: ServerResponse, { status, next, problem }: LoginPage): void {
  const main = html`<form class="login" method="post" action="${LOGIN_PATH}">
    <h1>Sign in</h1>
    ${problem !== undefined && html`<p class="box bad" role="alert">${problem}</p>`}
    <p>
      <label
        >Token
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
    <p class="text">
      A token starts with <code>bkt_</code>. The operator of this server makes one with
      <code>boxkite token create</code>.
    </p>
  </form>`;
  sendPage(response, status, layout({ title: "Sign in · Boxkite", crumbs: [], main, isOpenToAnyone: false }));
}

/** The address of the form, from which the page of this address follows. */
export function loginPath(next: string): string {
  return next === HOME_PATH ? LOGIN_PATH : `${LOGIN_PATH}?next=${encodeURIComponent(next)}`;
}

/** Only to pages of this server: no link may lead from its form to somewhere else. */
export function safeNext(next: string | null): string {
  const isOwn = next !== null && /^\/v2(?:[/?][!-[\]-~]*)?$/u.test(next);
  return isOwn ? next : HOME_PATH;
}
