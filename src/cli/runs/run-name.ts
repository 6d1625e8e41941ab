/** Which run or action is meant: `RUN`, `RUN/ACTION`, or the address of its page. */
import { runUrl } from "../../client/endpoint.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import {
  checkActionName,
  checkRunName,
  ROOT_ACTION,
  type ActionKey,
  type ProjectKey,
} from "../../domain/ids.ts";
import { parsePath } from "../../pages/paths.ts";
import { requirePlace } from "./connect.ts";

/** `usage`: how to name one. Throws CONFIG_INVALID. */
export function parseRunName(text: string | undefined, scope: Partial<ProjectKey>, usage: string): ActionKey {
  if (text === undefined) throw new BoxkiteError("CONFIG_INVALID", "no run is named", { hint: usage });
  if (/^https?:\/\//u.test(text)) return ofAddress(text, usage);
  const place = requirePlace(scope);
  const [run = "", action = ROOT_ACTION, ...more] = text.split("/");
  if (more.length > 0 || !isName(checkRunName, run) || !isName(checkActionName, action))
    throw unknown(text, usage);
  return { ...place, run, action };
}

function ofAddress(text: string, usage: string): ActionKey {
  if (!URL.canParse(text)) throw unknown(text, usage);
  const { pathname, searchParams } = new URL(text);
  const place = parsePath(pathname);
  if (place?.page !== "run") throw unknown(text, usage);
  return { ...place.key, action: searchParams.get("i") ?? ROOT_ACTION };
}

function isName(check: (text: string) => string, text: string): boolean {
  try {
    check(text);
    return true;
  } catch {
    return false;
  }
}

function unknown(text: string, usage: string): BoxkiteError {
  return new BoxkiteError("CONFIG_INVALID", `${JSON.stringify(text)} names no run and no action`, {
    hint: usage,
  });
}

/** The address of its page. */
export function pageOf(origin: string, { action, run, ...place }: ActionKey): string {
  return runUrl(origin, { ...place, name: run }, action === ROOT_ACTION ? undefined : action);
}
