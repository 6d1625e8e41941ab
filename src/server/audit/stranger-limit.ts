/**
 * Keeps callers who prove nothing from filling the disk with lines: of each address, so many denied calls a minute are
 * recorded one by one, and the rest is counted.
 */
import type { AuditLog } from "../../audit/audit-log.ts";
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

/**
 * Writes the entry, or counts it; the count is written when the minute ends, or the log closes. Throws DISK_FULL or
 * DATA_DIRECTORY_UNUSABLE.
 */
export function limitStrangers(
  audit: Pick<AuditLog, "write" | "beforeClose">,
  clock: Clock,
): (entry: AuditEntry) => void {
  // In the order in which they began, and so in that of their ends.
  const periods = new Map<string, Period>();
  const closing = new AbortController();

  const writeCount = (period: Period): void => {
    const { last, left, until } = period;
    if (last === undefined) return;
    delete period.last;
    try {
      audit.write(countOf(last, left, Math.min(until, clock.now())));
    } catch {
      // It was counted as one that has no line, and the server's log has why nothing can be written.
    }
  };

  const writeCountAtEnd = async (period: Period): Promise<void> => {
    const options = { signal: closing.signal, ref: false };
    await clock.sleep(period.until - clock.now(), options).catch(() => {});
    writeCount(period);
  };

  audit.beforeClose(() => {
    closing.abort();
    for (const period of periods.values()) writeCount(period);
  });

  const currentPeriod = (network: string): Period => {
    const now = clock.now();
    for (const [each, period] of periods) {
      if (now < period.until) break;
      periods.delete(each);
      writeCount(period);
    }
    const period = periods.get(network) ?? { until: now + PERIOD_MS, lines: 0, left: 0 };
    periods.set(network, period);
    return period;
  };

  return (entry) => {
    if (!isLimited(entry)) return audit.write(entry);
    const period = currentPeriod(networkOf(entry.from));
    if (period.lines < MAX_LINES) {
      period.lines++;
      return audit.write(entry);
    }
    period.last = entry;
    if (++period.left === 1) void writeCountAtEnd(period);
  };
}

/** Where nobody logs in, everybody may call; denied are those who come by a wrong name, or sign wrongly. */
function isLimited({ identity, kind }: AuditEntry): boolean {
  return identity.kind === "stranger" || (identity.kind === "everyone" && kind === "denied");
}

function countOf(last: AuditEntry, left: number, at: TimeMs): AuditEntry {
  const code = last.result === "ok" ? last.result : last.result.code;
  const message = `${left} more calls were denied to this address in the minute before; this is the last`;
  return { ...last, at, result: { code, message } };
}
