/** What was found of a run, mostly in its images, and what mends that. */
import type { RunNotes } from "../domain/run-note.ts";
import { html, NOTHING, type Html } from "./html.ts";

export function notesSection({ notes, omitted }: RunNotes): Html {
  if (notes.length === 0) return NOTHING;
  const title = notes.length === 1 ? "1 note on this run" : `${notes.length} notes on this run`;
  return html`<details class="box note" data-key="notes">
    <summary>${title}</summary>
    <ul class="notes">
      ${notes.map(
        ({ image, code, text, mend }) =>
          html`<li>
            <p class="text"><code>${image}</code>: ${text} <span class="quiet">${code}</span></p>
            ${mend !== undefined && html`<p class="hint"><strong>What to do</strong> <span>${mend}</span></p>`}
          </li>`,
      )}
      ${omitted > 0 && html`<li class="quiet">… and ${omitted} more, which are not kept</li>`}
    </ul>
  </details>`;
}

export function notesHtml(content: Html): Html {
  const isEmpty = content.toString() === "";
  return html`<section id="notes" class="first" aria-label="Notes on this run" ${isEmpty && html` hidden`}>
    ${content}
  </section>`;
}
