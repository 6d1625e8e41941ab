/** What `boxkite up` prints when it is ready: the banner, or with --json one object. */
import { tokenPath } from "../executors/plain-environment.ts";
import { defaultDataDirectory } from "../server/data-directory.ts";
import { DEFAULT_PORT } from "./default-port.ts";
import { endpointOf } from "./public-url.ts";
import { accessLines, loginText, openTo, type DescribedAccess } from "./access-text.ts";

export interface Announcement extends DescribedAccess {
  /** See public-url.ts. */
  readonly url: string;
  readonly version: string;
  readonly readyMs: number;
  readonly engine: { readonly description: string; readonly summary: string };
  readonly data: { readonly path: string; readonly ephemeral: boolean };
  /** Where people need it. */
  readonly localSecret: string | undefined;
}

export function readyEvent(from: Announcement): object {
  const { version, url, port, taskPort, readyMs, engine, data } = from;
  return {
    event: "ready",
    pid: process.pid,
    url,
    port,
    ...(taskPort !== undefined && { taskPort }),
    endpoint: endpointOf(url),
    engine: engine.description,
    data: data.path,
    ephemeral: data.ephemeral,
    openTo: openTo(from),
    login: loginText(from),
    version,
    readyMs,
  };
}

export function banner(from: Announcement): string {
  const { version, url, port, readyMs, engine, data, localSecret } = from;
  const keeps = data.ephemeral
    ? "forgotten when the server ends"
    : "SQLite and files; survives restarts; --ephemeral to forget";
  return [
    "",
    `  boxkite ${version}  ready in ${readyMs} ms`,
    "",
    localSecret === undefined
      ? `  ➜  Console   ${url}/v2`
      : `  ➜  Console   ${url}${tokenPath(localSecret)}/v2  (signs a browser in)`,
    `  ➜  Endpoint  ${endpointOf(url)}${url.startsWith("https:") ? "" : " (insecure)"}`,
    ...accessLines(from).map(([name, text]) => `  ➜  ${name.padEnd(10)}${text}`),
    `  ➜  Engine    ${engine.summary}`,
    `  ➜  Data      ${data.path}  (${keeps})`,
    "",
    `  Next   ${localSecret === undefined ? firstCommand(port) : createConfig(data.path)}`,
    "         and then a workflow and its image: docs/quick-start.md",
    "",
    "",
  ].join("\n");
}

/** Where the stock client has to show the local login secret, which it cannot know. */
function createConfig(data: string): string {
  const where = data === defaultDataDirectory(process.env) ? "" : ` --data ${data}`;
  return `boxkite config create${where}  &&  flyte get project`;
}

/** Printed once: only its hash is kept. */
export function firstTokenText(token: string, json: boolean): string {
  if (json) return `${JSON.stringify({ event: "first-token", role: "admin", token })}\n`;
  return [
    "  There is no token yet. This one is an admin's, and is not shown again:",
    "",
    `      ${token}`,
    "",
    "  Others: boxkite token create --name NAME --role ROLE --project PROJECT",
    "",
    "",
  ].join("\n");
}

/** Needs the stock client and nothing else: no program and no image. The project that it lists shows that it works. */
export function firstCommand(port: number): string {
  const settings =
    port === DEFAULT_PORT
      ? "--devbox"
      : `--endpoint localhost:${port} --insecure --project flytesnacks --domain development`;
  return `flyte create config ${settings}  &&  flyte get project`;
}
