/** Slows whoever tries tokens: ten wrong ones a minute from one address. */
import { isIPv6 } from "node:net";
import type { TimeMs } from "../domain/action.ts";
import type { Clock } from "../lib/clock.ts";

export interface FailedSignIns {
  /** Seconds until this address may try again; 0: at once. */
  secondsToWait(address: string): number;
  note(address: string): void;
}

const MAX_FAILURES = 10;
const PERIOD_MS = 60_000;
/** Of addresses that are remembered; beyond, the oldest is forgotten. */
const MAX_ADDRESSES = 10_000;

export function createFailedSignIns(clock: Clock): FailedSignIns {
  const failures = new Map<string, { count: number; readonly until: TimeMs }>();
  const current = (network: string) => {
    const found = failures.get(network);
    return found !== undefined && clock.now() < found.until ? found : undefined;
  };
  return {
    secondsToWait: (address) => {
      const found = current(networkOf(address));
      if (found === undefined || found.count < MAX_FAILURES) return 0;
      return Math.ceil((found.until - clock.now()) / 1_000);
    },
    note: (address) => {
      const network = networkOf(address);
      const found = current(network);
      if (found !== undefined) {
        found.count++;
        return;
      }
      failures.delete(network);
      const [oldest] = failures.keys();
      if (oldest !== undefined && failures.size >= MAX_ADDRESSES) failures.delete(oldest);
      failures.set(network, { count: 1, until: clock.now() + PERIOD_MS });
    },
  };
}

/** One machine has as many IPv6 addresses as it likes, all in one network of 64 bits. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [before = "", after] = address.split("::");
  const head = before === "" ? [] : before.split(":");
  const tail = after === undefined || after === "" ? [] : after.split(":");
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill("0");
  return [...head, ...zeros, ...tail].slice(0, 4).join(":");
}
