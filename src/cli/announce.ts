/** What `boxkite up` prints when it is ready: the banner, or with --json one object. */
import { networkInterfaces } from "node:os";
import { hostPort } from "../lib/host-port.ts";
import { DEFAULT_PORT } from "./default-port.ts";

export interface Announcement {
  readonly version: string;
  /** That the server listens on. */
  readonly port: number;
  readonly readyMs: number;
  readonly engine: { readonly description: string; readonly summary: string };
  /** Whether attempts run in containers. */
  readonly hasContainers: boolean;
  readonly data: { readonly path: string; readonly ephemeral: boolean };
  /** The setting `host`. */
  readonly host: string | undefined;
}

const urlOf = (port: number) => `http://localhost:${port}`;

export function readyEvent(from: Announcement): object {
  const { version, port, readyMs, engine, data } = from;
  return {
    event: "ready",
    pid: process.pid,
    url: urlOf(port),
    endpoint: `dns:///localhost:${port}`,
    engine: engine.description,
    data: data.path,
    ephemeral: data.ephemeral,
    openTo: openTo(from),
    version,
    readyMs,
  };
}

export function banner(from: Announcement): string {
  const { version, port, readyMs, engine, data } = from;
  const keeps = data.ephemeral
    ? "forgotten when the server ends"
    : "SQLite and files; survives restarts; --ephemeral to forget";
  return [
    "",
    `  boxkite ${version}  ready in ${readyMs} ms`,
    "",
    `  ➜  Console   ${urlOf(port)}/v2`,
    `  ➜  Endpoint  dns:///localhost:${port} (insecure)`,
    `  ➜  Open to   ${openTo(from)}`,
    `  ➜  Engine    ${engine.summary}`,
    `  ➜  Data      ${data.path}  (${keeps})`,
    "",
    `  Next   ${firstCommand(port)}`,
    "         and then a workflow and its image: docs/quick-start.md",
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

/** Calls of the protocol carry no identity, so whoever can connect may do everything. */
function openTo({ host, port, hasContainers }: Announcement): string {
  const own = hasContainers ? "this machine and its containers" : "this machine";
  if (host === undefined) return own;
  const where = isEveryAddress(host) ? `any address of this machine, port ${port}` : hostPort(host, port);
  return `${own}, and whoever reaches ${where}: without a login, with every right`;
}

/** Why nobody will connect at that address, or undefined. */
export function unusableHost(host: string | undefined, interfaces = networkInterfaces): string | undefined {
  if (host === undefined || isEveryAddress(host)) return undefined;
  const own = Object.values(interfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
  if (own.includes(host)) return undefined;
  return `no network interface of this machine has the address ${host}`;
}

function isEveryAddress(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
