/** A real server as a process of its own, and clients of it. */
import { join } from "node:path";
import { createClient, type Client, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import type { EngineName } from "../../src/containers/types.ts";
import type { BenchContext } from "./measure.ts";
import { speak, type Spoken } from "./process.ts";

/** The `boxkite` command as it is shipped: bench/run.ts compiles it first. */
export const MAIN = join(import.meta.dirname, "../../bin/boxkite.cjs");

/** The interpreter whose environment has `flyte`: the tests' own. */
export const PYTHON =
  process.env["BOXKITE_TEST_PYTHON"] ?? join(import.meta.dirname, "../../.cache/venv-flyte/bin/python");

export interface Ready {
  readonly pid: number;
  readonly url: string;
  readonly data: string;
  readonly readyMs: number;
}

export interface BenchServer extends Spoken<Ready> {
  readonly port: number;
  readonly clients: Clients;
}

export interface Clients {
  readonly actions: Client<typeof ActionsService>;
  readonly runs: Client<typeof RunService>;
  readonly data: Client<typeof DataProxyService>;
}

export interface ServerOptions {
  /** @default process */
  readonly engine?: "process" | EngineName;
  /** Kept by the caller; without it the server's state is forgotten at its end. */
  readonly data?: string;
  readonly maxParallel?: number;
  /** Further options of `boxkite up`. */
  readonly args?: readonly string[];
  /** Besides this process's own. */
  readonly env?: NodeJS.ProcessEnv;
}

export async function startServer(
  context: Pick<BenchContext, "defer">,
  options: ServerOptions = {},
): Promise<BenchServer> {
  const { engine: name = "process", args: more = [] } = options;
  const engine = ["--engine", name, ...(name === "process" ? ["--python", PYTHON] : [])];
  const place = options.data === undefined ? ["--ephemeral"] : ["--data", options.data];
  const parallel = options.maxParallel === undefined ? [] : ["--max-parallel", String(options.maxParallel)];
  const args = [MAIN, "up", "--json", "--port", "0", ...engine, ...place, ...parallel, ...more];
  const spoken = await speak<Ready>(context, args, options.env);
  const port = Number(new URL(spoken.first.url).port);
  return { ...spoken, port, clients: clientsAt(port) };
}

/** Connect over HTTP/1.1, in the binary format: what the stock SDK speaks. */
export function transportTo(port: number, path = ""): Transport {
  return createConnectTransport({ baseUrl: `http://127.0.0.1:${port}${path}`, httpVersion: "1.1" });
}

/** `path`: with the caller's token. */
export function clientsAt(port: number, path = ""): Clients {
  const transport = transportTo(port, path);
  return {
    actions: createClient(ActionsService, transport),
    runs: createClient(RunService, transport),
    data: createClient(DataProxyService, transport),
  };
}
