/** The inputs of the rows of a run's tree that are in view, which its script asks for. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RunKey } from "../domain/ids.ts";
import type { ShortInput } from "./assets/inputs.js";
import type { PageContext } from "./page-context.ts";
import { queryOf, setCommonHeaders } from "./respond.ts";

/** Of one request; assets/inputs-reader.js asks for fewer. */
const MAX_ROWS = 100;

/** By action, for as many as one request may name; those that are not there are left out. Throws RUN_NOT_FOUND. */
export async function sendInputs(
  { access, by, store, inputs }: PageContext,
  request: IncomingMessage,
  response: ServerResponse,
  key: RunKey,
): Promise<void> {
  const run = await access.run(by, "read", key);
  const names = queryOf(request).getAll("i").slice(0, MAX_ROWS);
  const rows = await Promise.all(
    names.map(async (name): Promise<[string, readonly ShortInput[]][]> => {
      const action = await store.getAction({ ...run.key, action: name });
      return action === undefined ? [] : [[name, await inputs.of(action)]];
    }),
  );
  setCommonHeaders(response, "application/json");
  response.end(JSON.stringify(Object.fromEntries(rows.flat())));
}
