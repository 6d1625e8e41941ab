import { activeContext, withContext } from "./context.ts";

/**
 * Shows the calls made in `body` together, under `name`. The name is part of the names of the
 * actions, so it must be the same in every attempt.
 */
export async function group<T>(name: string, body: () => Promise<T>): Promise<T> {
  activeContext("flyte.group()");
  return withContext({ group: name }, body);
}
