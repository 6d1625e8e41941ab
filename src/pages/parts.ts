/** The small pieces that all pages are made of: phases, times, durations, lists of facts. */
import type { Phase } from "../domain/phase.ts";
import { formatDuration } from "./assets/duration.js";
import { formatTime } from "./assets/time-format.js";
import { html, NOTHING, type Child, type Html } from "./html.ts";

export function phaseBadge(phase: Phase): Html {
  return html`<span class="phase" data-phase="${phase}">${phase.replaceAll("_", " ")}</span>`;
}

/** The script shows it in the reader's own time zone. */
export function timeText(atMs: number | undefined): Html {
  if (atMs === undefined) return html`<span class="quiet">–</span>`;
  const iso = isoTime(atMs);
  if (iso === undefined) return html`<span class="quiet">out of range</span>`;
  return html`<time datetime="${iso}">${formatTime(atMs)}</time>`;
}

/** Undefined for what is further from 1970 than a Date reaches: what a task returns need not be near. */
export function isoTime(at: number | Date): string | undefined {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** Without an end it goes on; the script keeps counting. */
export function durationText(fromMs: number, toMs: number | undefined, nowMs: number): Html {
  const text = formatDuration((toMs ?? nowMs) - fromMs);
  if (toMs !== undefined) return html`<span class="duration">${text}</span>`;
  return html`<span class="duration" data-from="${fromMs}">${text}</span>`;
}

export type Fact = readonly [name: string, value: Child];

/** Facts without a value are left out. */
export function facts(list: readonly Fact[]): Html {
  const known = list.filter(([, value]) => value !== undefined && value !== "" && value !== false);
  if (known.length === 0) return NOTHING;
  return html`<dl class="facts">
    ${known.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

export function code(text: string | undefined): Html | undefined {
  return text === undefined || text === "" ? undefined : html`<code>${text}</code>`;
}

export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit++;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}
