/** Notices that another server has taken over the store. */
import { BoxkiteError } from "../domain/errors.ts";
import type { Work } from "../store/store.ts";

/** The same work; reports when a write fails because another process has the lease. */
export function whenLost(work: Work, lost: (error: BoxkiteError) => void): Work {
  const reporting =
    <Values extends unknown[], Result>(write: (...values: Values) => Promise<Result>) =>
    async (...values: Values): Promise<Result> => {
      try {
        return await write(...values);
      } catch (error) {
        if (error instanceof BoxkiteError && error.code === "LEASE_LOST") lost(error);
        throw error;
      }
    };
  return {
    ...work,
    advance: reporting(work.advance),
    recordAttempt: reporting(work.recordAttempt),
    effectDone: reporting(work.effectDone),
    postponeEffect: reporting(work.postponeEffect),
  };
}
