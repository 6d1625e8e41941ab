/** Pages for what is not there, and for what went wrong. */
import type { ServerResponse } from "node:http";
import { html } from "./html.ts";
import { layout, type Crumb } from "./layout.ts";
import type { PagesContext } from "./page-context.ts";
import { HOME_PATH } from "./paths.ts";
import { sendPage } from "./respond.ts";

export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly text: string;
  readonly crumbs?: readonly Crumb[];
}

export function sendProblem(
  { isOpenToAnyone }: Pick<PagesContext, "isOpenToAnyone">,
  response: ServerResponse,
  { status, title, text, crumbs = [] }: Problem,
): void {
  const up = crumbs.at(-1) ?? { text: "all runs", path: HOME_PATH };
  const main = html`<div class="problem">
    <p class="status">${status}</p>
    <h1>${title}</h1>
    <p>${text}</p>
    <p><a href="${up.path}">Go to ${up.text}</a></p>
  </div>`;
  sendPage(response, status, layout({ title: `${title} · Boxkite`, crumbs, main, isOpenToAnyone }));
}
