/**
 * Keeps callers who prove nothing from filling the disk with lines: of each address, so many denied calls a minute are
 * recorded one by one, and the rest is counted.
 */
import type { AuditEntry } from "../../audit/entry.ts";
import type { TimeMs } from "../../domain/action.ts";
import type { Clock } from "../../lib/clock.ts";
import { networkOf } from "../failed-sign-ins.ts";

const MAX_LINES = 100;
const PERIOD_MS = 60_000;

interface Period {
  readonly until: TimeMs;
  lines: number;
  /** The last of those that were left out, and how many they are. */
  last?: AuditEntry;
  left: number;
}

/** Gives the entries to write for this one: itself or none, and before it the counts of periods that are over. */
export function limitStrangers(clock: Clock): (entry: AuditEntry) => readonly AuditEntry[] {
  // In the order in which they began, and so in that of their ends.
  const periods = new Map<string, Period>();

  const ended = (now: TimeMs): AuditEntry[] => {
    const counts: AuditEntry[] = [];
    for (const [network, { until, last, left }] of periods) {
      if (now < until) break;
      periods.delete(network);
      if (last !== undefined) counts.push(countOf(last, left, now));
    }
    return counts;
  };

  return (entry) => {
    if (entry.identity.kind !== "stranger") return [entry];
    const now = clock.now();
    const counts = ended(now);
    const network = networkOf(entry.from);
    const period = periods.get(network) ?? { until: now + PERIOD_MS, lines: 0, left: 0 };
    periods.set(network, period);
    if (period.lines < MAX_LINES) {
      period.lines++;
      return [...counts, entry];
    }
    period.last = entry;
    period.left++;
    return counts;
  };
}

function countOf(last: AuditEntry, left: number, at: TimeMs): AuditEntry {
  const code = last.result === "ok" ? last.result : last.result.code;
  const message = `${left} more calls were denied to this address in the minute before; this is the last`;
  return { ...last, at, result: { code, message } };
}
