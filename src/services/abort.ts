/** What a client learns of an abort that came too late. */
import type { ActionRecord } from "../domain/action-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { ROOT_ACTION } from "../domain/ids.ts";

/**
 * Throws ALREADY_ENDED for an action that ended in another way: the stock command line says after every other answer
 * that it "has been aborted" (seen with flyte 2.12.1). A repeated abort is accepted, since the answer to the first may
 * have been lost.
 */
export function requireAborted({ key, state }: ActionRecord): void {
  if (state.phase === "aborted") return;
  const isRun = key.action === ROOT_ACTION;
  const what = isRun ? `run ${key.run}` : `action ${key.action} of run ${key.run}`;
  throw new BoxkiteError(
    "ALREADY_ENDED",
    `${what} was not aborted: it has already ended (${state.phase.replace("_", " ")})`,
    { hint: isRun ? `flyte get run ${key.run}` : `flyte get action ${key.run} ${key.action}` },
  );
}
