/** Random requests of pages, forms, sign-in and what else is no call and no object. */
import type { Random } from "../helpers/random.ts";
import { encoded } from "./objects.ts";
import type { RawRequest } from "./request.ts";
import { bytesOf, oddText as anyText } from "./values.ts";
import type { World } from "./world.ts";

const RUN_PARTS = [
  "",
  "",
  "/stream",
  "/inputs",
  "/log",
  "/document",
  "/abort",
  "/answer",
  "/conditions/q1",
  "/conditions/a0",
  "/x",
];
const QUERY = [
  "i",
  "attempt",
  "status",
  "by",
  "from",
  "until",
  "after",
  "token",
  "page",
  "follow",
  "next",
  "seen",
  "cursor",
];

export function randomPageRequest(
  world: World,
  random: Random,
): Omit<RawRequest, "sends" | "from" | "server"> {
  const path = pathFor(random);
  const isPost = random.chance(/abort|answer|conditions|log(in|out)|oauth/u.test(path) ? 0.85 : 0.05);
  const method = isPost ? "POST" : random.pick(["GET", "GET", "GET", "GET", "HEAD", "OPTIONS", "PUT"]);
  const { cookie, formToken } = world.session;
  const headers: [string, string][] = [];
  if (random.chance(0.6))
    headers.push([
      "cookie",
      random.chance(0.9) ? cookie : random.pick(["boxkite_session=x", "boxkite_session=", "é"]),
    ]);
  if (random.chance(0.7))
    headers.push([
      "origin",
      random.pick([`http://127.0.0.1:${world.port.closed}`, "null", "http://evil.example", "x"]),
    ]);
  if (random.chance(0.1))
    headers.push(["host", random.pick(["evil.test", "localhost", "[::1", "", "a b", "127.0.0.1:99999"])]);
  if (random.chance(0.1)) headers.push(["last-event-id", oddText(random).replaceAll(/\p{Cc}/gu, "")]);
  const query = queryFor(random);
  const isStream = path.endsWith("/stream") || path.endsWith("/log");
  const body = isPost ? bodyFor(formToken, world, random) : Buffer.alloc(0);
  if (isPost)
    headers.push([
      "content-type",
      random.pick(["application/x-www-form-urlencoded", "application/json", "multipart/form-data", ""]),
    ]);
  return { version: random.pick([1, 1, 2] as const), method, path: path + query, headers, body, isStream };
}

/** A lone surrogate has no encoding in a URL. */
const oddText = (random: Random): string => anyText(random).toWellFormed();

function pathFor(random: Random): string {
  const some = (usual: readonly string[]) =>
    random.chance(0.85) ? random.pick(usual) : encoded(oddText(random));
  const project = `/v2/domain/${some(["development", "production"])}/project/${some(["flytesnacks", "fuzz"])}`;
  switch (random.below(10)) {
    case 0:
      return random.pick([
        "/",
        "/v2",
        "/v2/",
        "/healthz",
        "/livez",
        "/v2/healthz",
        "/v2/projects",
        "/favicon.ico",
        "*",
        "//",
        "/v2/../..",
        "/%",
      ]);
    case 1:
      return random.pick(["/login", "/logout", "/oauth2/token"]);
    case 2:
      return `/v2/assets/${some(["page.js", "page.css", "../x", ""])}`;
    case 3:
      return `${project}${random.pick(["", "/", "/runs", "/runs/"])}`;
    default: {
      const part = random.pick(RUN_PARTS);
      // The run that is held goes on.
      const runs = part === "/abort" ? ["r1", "r2", "r3"] : ["held", "r1", "r2", "r3"];
      return `${project}/runs/${some(runs)}${part}`;
    }
  }
}

function queryFor(random: Random): string {
  if (random.chance(0.4)) return "";
  const pairs = Array.from({ length: 1 + random.below(3) }, () => {
    const value = random.chance(0.5)
      ? random.pick(["a0", "c1", "q1", "1", "0", "-1", "99999999", "start", "failed"])
      : oddText(random);
    return `${random.pick(QUERY)}=${random.chance(0.9) ? encoded(value) : "%"}`;
  });
  return `?${pairs.join("&")}`;
}

function bodyFor(formToken: string, world: World, random: Random): Buffer {
  const fields = new URLSearchParams();
  if (random.chance(0.7)) fields.set("form-token", random.chance(0.9) ? formToken : oddText(random));
  if (random.chance(0.4)) fields.set("value", random.pick(["true", "1", "1e400", oddText(random)]));
  if (random.chance(0.3))
    fields.set("token", random.chance(0.7) ? random.pick(world.tokens) : oddText(random));
  if (random.chance(0.3))
    fields.set("next", random.pick(["/v2", "//evil.example", "/\\evil", oddText(random)]));
  if (random.chance(0.3)) fields.set("grant_type", "client_credentials");
  if (random.chance(0.3)) fields.set("client_id", random.pick(["admin", "x"]));
  if (random.chance(0.3)) fields.set("client_secret", random.pick(world.tokens));
  switch (random.below(6)) {
    case 0:
      return Buffer.from(
        random.pick([
          '{"value": true}',
          '{"value": 1e300}',
          '{"value": 9007199254740993}',
          "null",
          "[]",
          '{"value": {}}',
          '{"value": "\\ud800"}',
          "{",
        ]),
      );
    case 1:
      return bytesOf(random, 300);
    case 2:
      return random.chance(0.05) ? Buffer.alloc(1_100_000, "x") : Buffer.alloc(0);
    default:
      return Buffer.from(fields.toString());
  }
}
