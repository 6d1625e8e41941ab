/** `RUN/ACTION` of a command line. */
import { BoxkiteError } from "../../domain/errors.ts";
import { ROOT_ACTION } from "../../domain/ids.ts";

export interface ActionName {
  readonly run: string;
  readonly action: string;
}

/** Without an action the run's root is meant. Throws CONFIG_INVALID. */
export function parseActionName(text: string | undefined, command: string): ActionName {
  const [run = "", action = ROOT_ACTION, ...more] = (text ?? "").split("/");
  if (run !== "" && action !== "" && more.length === 0) return { run, action };
  throw new BoxkiteError(
    "CONFIG_INVALID",
    text === undefined ? "name the action" : `${JSON.stringify(text)} is no name of an action`,
    { hint: `boxkite ${command} RUN/ACTION; RUN alone is its root action ${ROOT_ACTION}` },
  );
}
