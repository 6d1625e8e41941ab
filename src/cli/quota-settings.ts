/** The section `quotas` of the settings file. */
import { DEFAULT_QUOTAS, type Quotas } from "../domain/quotas.ts";
import { mappingOf, refuseUnknown, wholeOf } from "./setting-values.ts";

export const QUOTA_NAMES = ["live-runs", "started-runs", "depth", "calls-per-second", "stored-gib"] as const;
type QuotaName = (typeof QUOTA_NAMES)[number];

const MOST = 1_000_000;
const GIB = 1024 ** 3;

/** Throws CONFIG_INVALID naming the setting. */
export function readQuotas(value: unknown): Quotas {
  const settings = mappingOf(value, "quotas");
  refuseUnknown(settings, QUOTA_NAMES, "quotas");
  const whole = <F>(name: QuotaName, fallback: F): number | F =>
    settings[name] === undefined ? fallback : wholeOf(settings[name], `quotas: ${name}`, 1, MOST);
  const storedGib = whole("stored-gib", undefined);
  return {
    liveRuns: whole("live-runs", DEFAULT_QUOTAS.liveRuns),
    startedRuns: whole("started-runs", DEFAULT_QUOTAS.startedRuns),
    depth: whole("depth", DEFAULT_QUOTAS.depth),
    callsPerSecond: whole("calls-per-second", DEFAULT_QUOTAS.callsPerSecond),
    storedBytes: storedGib === undefined ? DEFAULT_QUOTAS.storedBytes : storedGib * GIB,
  };
}
