/** A part of an attempt's log as HTML, with links to the parts beside it: it needs no script. */
import { LOG_END, type LogPart, type LogRange, type PositionedLine } from "../logs/attempt-logs.ts";
import type { ActionView } from "./action-view.ts";
import { logNote } from "./assets/log-note.js";
import { formatTimeOfDay } from "./assets/time-format.js";
import { html, type Html } from "./html.ts";
import { shownText } from "./log-text.ts";
import { actionPath, logPartPath } from "./paths.ts";
import { isoTime } from "./parts.ts";
import { numberIn } from "./respond.ts";

/** The part that the address names: `from=start`, `from=BYTE` or `until=BYTE`; else the end, which is followed. */
export function logRange(query: URLSearchParams): LogRange {
  const from = query.get("from") === "start" ? 0 : numberIn(query, "from");
  if (from !== undefined) return { from };
  const until = numberIn(query, "until");
  return until === undefined ? LOG_END : { until };
}

export interface LogPane {
  readonly view: ActionView;
  readonly range: LogRange;
  /** Undefined where there is no log, or none that can be read. */
  readonly part: LogPart | undefined;
  /** The text in place of the lines where there are none. */
  readonly state: Html;
  readonly isHidden: boolean;
}

export function logPane({ view, range, part, state, isHidden }: LogPane): Html {
  const { lines = [], start = 0, end = 0, size = 0, isEnd = true } = part ?? {};
  const follows = range === LOG_END;
  const note = logNote({ count: lines.length, isStart: start === 0, isEnd, percent: (100 * start) / size });
  return html`<div id="log-pane" class="part log-pane" ${isHidden && HIDDEN}>
    ${state}
    <div class="log-tools">${filters()} ${links(view, start, isEnd ? undefined : end, follows)}</div>
    <div
      id="log"
      class="${"from" in range ? "log" : "log at-end"}"
      role="region"
      tabindex="0"
      aria-label="Log"
      data-attempt="${view.log.attempt}"
      data-end="${end}"
      ${!follows && html` data-part="true"`}
    >
      <div id="log-lines">${lines.map(lineHtml)}</div>
    </div>
    <p class="log-note quiet"><span id="log-note">${note}</span> · times in <span class="zone">UTC</span></p>
  </div>`;
}

const HIDDEN = html` hidden`;

/** Which streams are shown is the script's work. */
function filters(): Html {
  const stream = (name: string) =>
    html`<label><input type="checkbox" checked data-stream="${name}" /> ${name}</label>`;
  return html`<span id="log-filters" role="group" aria-label="Show lines of" hidden
    >${stream("stdout")} ${stream("stderr")} ${stream("system")}</span
  >`;
}

/** The script keeps those of a log that it follows. They name the attempt: another one may have begun meanwhile. */
function links({ record, log }: ActionView, start: number, end: number | undefined, follows: boolean): Html {
  const { key, state } = record;
  const last = actionPath(key, key.action, log.attempt === state.attempt ? undefined : log.attempt);
  const part = (text: string) => logPartPath(key, log.attempt, text);
  const link = (name: string, text: string, href: string, isShown: boolean) =>
    html`<a id="log-${name}" href="${href}" ${!isShown && HIDDEN}>${text}</a>`;
  return html`<nav aria-label="Parts of the log" class="log-links">
    ${link("first", "Beginning", part("from=start"), start > 0)}
    ${link("before", "Earlier lines", part(`until=${start}`), start > 0)}
    ${link("after", "Later lines", part(`from=${end ?? 0}`), end !== undefined && !follows)}
    ${link("last", "End", `${last}#log-head`, !follows)}
    <label id="log-following" hidden><input type="checkbox" checked id="log-follow" /> follow</label>
  </nav>`;
}

/** As `assets/log.js` makes it. A line keeps its blanks, so there are none between its elements but those wanted. */
function lineHtml({ at, atMs, stream, text }: PositionedLine): Html {
  const time = html`<time datetime="${isoTime(atMs)}" class="clock">${formatTimeOfDay(atMs)}</time>`;
  const source = html`<span class="source">${stream}</span>`;
  const content = html`<span class="content">${shownText(text)}</span>`;
  const parts = [time, " ", source, " ", content];
  return html`<div class="line ${stream}" data-at="${at}">${parts}</div>`;
}
