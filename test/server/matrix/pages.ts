/** Every page, download, stream and form: what it asks for, and its address. */
import { ROOT } from "../../../bench/helpers/requests.ts";
import { readFileSync } from "node:fs";
import { LIVE_PATH } from "../../../src/platform/probe-container.ts";
import { TOKEN_ENDPOINT } from "../../../src/services/auth-metadata-service.ts";
import {
  actionPath,
  LOGIN_PATH,
  LOGOUT_PATH,
  answerPath,
  abortPath,
  documentPath,
  logPath,
  POOLS_DOCUMENT_PATH,
  POOLS_PATH,
  runPath,
  runsPath,
  type Place,
} from "../../../src/pages/paths.ts";
import { reproductionsPath } from "../../../src/services/reproductions.ts";
import { signalPath } from "../../../src/services/signal-page.ts";
import { HEALTH_PATHS } from "../../../src/server/health.ts";
import { formTokenOf } from "../../../src/server/sessions.ts";
import type { Answer } from "./check.ts";
import type { Caller } from "./callers.ts";
import type { Asked } from "./expected.ts";
import { send, type Received } from "./send.ts";
import { PLACES, RUNS, SERVER, type Cell } from "./targets.ts";

export interface Page {
  readonly asks: Asked | "nothing";
  readonly cells: readonly Cell[];
  readonly path: (cell: Cell) => string;
  /** Of a form, as it is posted. */
  readonly form?: string;
  readonly isLive?: true;
  /** Takes no cookie: programs call it. */
  readonly isForPrograms?: true;
  /** The statuses with which it may end for those who may, other than well. */
  readonly ends?: readonly string[];
}

const ofRun = (path: Page["path"], more: Partial<Page> = {}): Page => ({
  asks: "read run",
  cells: RUNS,
  path,
  ...more,
});
const NOT_FOUND = ["404"];

type PageName =
  | Place["page"]
  | "condition"
  | "reproduce"
  | "a chosen action"
  | "a chosen action's stream"
  | "a chosen action's document";

/** One that is added to `Place` without a row here is an error of types. */
export const PAGES: Readonly<Record<PageName, Page>> = {
  home: { asks: "read projects", cells: SERVER, path: () => "/v2" },
  pools: { asks: "read projects", cells: SERVER, path: () => POOLS_PATH },
  "pools-document": { asks: "read projects", cells: SERVER, path: () => POOLS_DOCUMENT_PATH },
  asset: { asks: "nothing", cells: SERVER, path: () => "/v2/assets/pages.css" },
  project: { asks: "nothing", cells: PLACES, path: (cell) => runsPath(cell).replace(/\/runs$/u, "") },
  runs: { asks: "read runs", cells: PLACES, path: runsPath },
  run: ofRun(runPath),
  "a chosen action": ofRun((cell) => actionPath(cell, "none"), { ends: NOT_FOUND }),
  stream: ofRun((cell) => `${runPath(cell)}/stream`, { isLive: true }),
  "a chosen action's stream": ofRun((cell) => `${runPath(cell)}/stream?i=none`, { ends: NOT_FOUND }),
  inputs: ofRun((cell) => `${runPath(cell)}/inputs?i=${ROOT}`),
  // The executor of this test writes none.
  log: ofRun((cell) => logPath(cell, ROOT, 1), { ends: NOT_FOUND }),
  document: ofRun((cell) => documentPath(cell)),
  "a chosen action's document": ofRun((cell) => documentPath(cell, "none"), { ends: NOT_FOUND }),
  abort: ofRun((cell) => abortPath(cell, "none"), { asks: "change run", form: "", ends: NOT_FOUND }),
  answer: ofRun((cell) => answerPath(cell, "none"), {
    asks: "change run",
    form: "value=true",
    ends: NOT_FOUND,
  }),
  condition: ofRun((cell) => signalPath({ ...cell, action: "none" }), {
    asks: "change run",
    form: '{"value":true}',
    isForPrograms: true,
    ends: NOT_FOUND,
  }),
  reproduce: ofRun((cell) => reproductionsPath({ ...cell, action: ROOT }), {
    asks: "create child",
    form: "{}",
    isForPrograms: true,
    // The executor of this test has no containers.
    ends: ["400", "404"],
  }),
  unknown: { asks: "nothing", cells: SERVER, path: () => "/v2/nothing", ends: NOT_FOUND },
};

/**
 * What the router itself answers to everybody, before anybody has proved who they are: statuses by method and path, with
 * and without login. A comparison with a path that is added to the router without a row here fails the test.
 */
export const OPEN: Readonly<Record<string, Readonly<Record<"tokens" | "off", number>>>> = {
  "GET /": { tokens: 302, off: 302 },
  "GET /healthz": { tokens: 200, off: 200 },
  "GET /v2/healthz": { tokens: 200, off: 200 },
  "GET /livez": { tokens: 200, off: 200 },
  "GET /login": { tokens: 200, off: 404 },
  "POST /logout": { tokens: 303, off: 404 },
  "POST /oauth2/token": { tokens: 400, off: 404 },
};

/** The paths that the router and the sign-in compare with, as their source has them. */
export function routedPaths(): readonly string[] {
  const constants: Readonly<Record<string, string>> = { LOGIN_PATH, LOGOUT_PATH, LIVE_PATH, TOKEN_ENDPOINT };
  const compared = ["router.ts", "sign-in-routes.ts"].flatMap((name) => {
    const source = readFileSync(new URL(`../../../src/server/${name}`, import.meta.url), "utf8");
    return [...source.matchAll(/(?:path === |case )(?:"([^"]*)"|([A-Z_]+))/gu)].map(
      ([, text, constant = ""]) => text ?? constants[constant] ?? constant,
    );
  });
  return [...compared, ...HEALTH_PATHS];
}

export async function visit(url: string, caller: Caller, page: Page, cell: Cell): Promise<Answer> {
  const { bearer, path = "", from } = caller.shows();
  const cookie = page.isForPrograms ? undefined : caller.cookie;
  const session = cookie?.split("=")[1];
  const form = session === undefined ? page.form : `${page.form}&form-token=${formTokenOf(session)}`;
  const received = await send(url, {
    method: page.form === undefined ? "GET" : "POST",
    path: path + page.path(cell),
    headers: {
      origin: url,
      ...(cookie !== undefined && { cookie }),
      ...(cookie === undefined && bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    },
    body: page.form === undefined ? undefined : form,
    from,
    isLive: page.isLive,
  });
  return answerOf(received);
}

function answerOf({ status, headers, text: body }: Received): Answer {
  const { location = "" } = headers;
  const text = `${location} ${body}`.replaceAll(/nonce="[^"]*"/gu, "").replaceAll("%2F", "/");
  if (status === 401 || (status === 303 && location.startsWith("/login")))
    return { outcome: "unauthenticated", text };
  if (status === 403) {
    const saysWhy = /may not (?:read|create|change) .+/u.test(text) && /What to do|hint/u.test(text);
    return { outcome: "denied", text, ...(!saysWhy && { failure: "a refusal without right or hint" }) };
  }
  return { outcome: "allowed", text, ...(status >= 400 && { failure: String(status) }) };
}
