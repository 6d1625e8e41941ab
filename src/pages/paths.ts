/** The addresses of the pages, and which page an address names. Clients print them: `run.url` of the SDK. */
import { ROOT_ACTION, type ActionKey, type ProjectKey, type RunKey } from "../domain/ids.ts";

export const HOME_PATH = "/v2";
export const ASSETS_PATH = "/v2/assets/";
export const POOLS_PATH = "/v2/pools";
export const POOLS_DOCUMENT_PATH = "/v2/pools/document";
export const LOGIN_PATH = "/login";
export const LOGOUT_PATH = "/logout";

type RunPart = "stream" | "inputs" | "log" | "document" | "abort" | "answer";

export type Place =
  | { readonly page: "home" | "pools" | "pools-document" }
  | { readonly page: "asset"; readonly name: string }
  | { readonly page: "project"; readonly key: ProjectKey }
  | { readonly page: "runs"; readonly key: ProjectKey }
  | { readonly page: "run" | RunPart; readonly key: RunKey }
  | { readonly page: "unknown" };

export function runsPath(key: ProjectKey): string {
  return `/v2/domain/${encodeURIComponent(key.domain)}/project/${encodeURIComponent(key.project)}/runs`;
}

/** The runs that one person or machine started. */
export function startedByPath(key: ProjectKey, who: string): string {
  return `${runsPath(key)}?by=${encodeURIComponent(who)}`;
}

export function runPath(key: RunKey): string {
  return `${runsPath(key)}/${encodeURIComponent(key.run)}`;
}

/** The run's page with an action, or one of its attempts, chosen. */
export function actionPath(key: RunKey, action: string, attempt?: number): string {
  const query = new URLSearchParams();
  if (action !== ROOT_ACTION) query.set("i", action);
  if (attempt !== undefined) query.set("attempt", String(attempt));
  return query.size === 0 ? runPath(key) : `${runPath(key)}?${query.toString()}`;
}

export function abortPath(key: RunKey, action: string): string {
  return `${runPath(key)}/abort?i=${encodeURIComponent(action)}`;
}

export function answerPath(key: RunKey, action: string): string {
  return `${runPath(key)}/answer?i=${encodeURIComponent(action)}`;
}

/** The run's page with a part of an attempt's log, `from=start`, `from=BYTE` or `until=BYTE`. */
export function logPartPath(key: ActionKey, attempt: number, part: string): string {
  return `${runPath(key)}?i=${encodeURIComponent(key.action)}&attempt=${attempt}&${part}#log-head`;
}

export function logPath(key: RunKey, action: string, attempt: number): string {
  return `${runPath(key)}/log?i=${encodeURIComponent(action)}&attempt=${attempt}`;
}

/** What programs read of a run, or of one of its actions: domain/run-document.ts. */
export function documentPath(key: RunKey, action: string = ROOT_ACTION): string {
  const query = action === ROOT_ACTION ? "" : `?i=${encodeURIComponent(action)}`;
  return `${runPath(key)}/document${query}`;
}

const PROJECT = /^\/v2\/domain\/([^/]+)\/project\/([^/]+)(?:\/(.*))?$/u;
const RUN = /^runs\/([^/]+)(?:\/(stream|inputs|log|document|abort|answer))?$/u;

/** Undefined for what is not below /v2. */
export function parsePath(path: string): Place | undefined {
  if (path === HOME_PATH || path === "/v2/" || path === "/v2/projects") return { page: "home" };
  if (path === POOLS_PATH) return { page: "pools" };
  if (path === POOLS_DOCUMENT_PATH) return { page: "pools-document" };
  if (path.startsWith(ASSETS_PATH)) return { page: "asset", name: path.slice(ASSETS_PATH.length) };
  if (!path.startsWith("/v2/")) return undefined;
  const [, domain, project, rest = ""] = PROJECT.exec(path) ?? [];
  const key = { domain: decoded(domain), project: decoded(project) };
  if (key.domain === "" || key.project === "") return { page: "unknown" };
  const inside = rest.replace(/\/$/u, "");
  if (inside === "") return { page: "project", key };
  if (inside === "runs") return { page: "runs", key };
  const [, name, part] = RUN.exec(inside) ?? [];
  const run = decoded(name);
  if (run === "") return { page: "unknown" };
  return { page: (part ?? "run") as "run" | RunPart, key: { ...key, run } };
}

/** Empty for what is no name, which nothing is called. */
function decoded(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? "");
  } catch {
    return "";
  }
}
