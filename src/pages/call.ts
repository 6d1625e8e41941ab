/** An action as its author sees it: a call with inputs, and a link to it. */
import type { ActionRecord } from "../domain/action-record.ts";
import type { ActionKey } from "../domain/ids.ts";
import { html, type Html } from "./html.ts";
import { actionPath } from "./paths.ts";

export interface Call {
  readonly action: ActionRecord;
  /** `leaf(x=3)`. */
  readonly text: string;
}

export function callLink({ action, text }: Call): Html {
  return linkTo(action.key, text);
}

/** To an action, or to the part of its page with the log of one attempt. The script shows it without loading the page. */
export function linkTo(
  key: ActionKey,
  text: string,
  { attempt, part = "" }: { readonly attempt?: number; readonly part?: "log-head" | "" } = {},
): Html {
  const path = actionPath(key, key.action, attempt);
  return html`<a
    href="${part === "" ? path : `${path}#${part}`}"
    data-action="${key.action}"
    ${attempt !== undefined && html` data-attempt="${attempt}"`}
    >${text}</a
  >`;
}
