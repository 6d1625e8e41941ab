/** A call that leaves out what the protocol demands. No option of an author leads to it, only another client. */
import { BoxkiteError } from "../domain/errors.ts";

const CLIENT_HINT = "use an SDK of the version that docs/protocol.md names";

/** `what`: for example "a run". */
export function incomplete(what: string): BoxkiteError {
  return new BoxkiteError("INVALID_ARGUMENT", `the call does not name ${what}`, { hint: CLIENT_HINT });
}
