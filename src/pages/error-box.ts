/** An error: what happened, who is to blame, and, set apart, what to do about it. */
import type { ActionError } from "../domain/action.ts";
import { withoutErrorTrailer } from "../domain/error-trailer.ts";
import { html, type Html } from "./html.ts";

export const BLAME = {
  user: "blamed on the task or its image",
  system: "blamed on the machinery, not on the task",
  unknown: "",
} as const satisfies Record<ActionError["kind"], string>;

/** `where`: what leads to its origin. */
export function errorBox(title: string, error: ActionError, where?: Html): Html {
  const { message, hint } = error;
  const blame = BLAME[error.kind];
  return html`<div class="box error">
    <p class="box-title">
      ${title} <code>${error.code}</code>${blame !== "" && html` <span class="quiet">${blame}</span>`}
    </p>
    <pre class="message" tabindex="0" role="group" aria-label="Error message">
${withoutErrorTrailer(message)}</pre>
    ${where}
    ${hint !== undefined && html`<p class="hint"><strong>What to do</strong> <span>${hint}</span></p>`}
  </div>`;
}

export function noteBox(title: string, text: string): Html {
  return html`<div class="box note">
    <p class="box-title">${title}</p>
    <p class="text">${text}</p>
  </div>`;
}
