/** What authentication and the audit log cost: Enqueue with both, against the same server with neither. */
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { SERVER_ONLY } from "../helpers/conditions.ts";
import { summary, type Figure } from "../helpers/figure.ts";
import { atMost, type Benchmark, type Row } from "../helpers/measure.ts";
import { speak } from "../helpers/process.ts";
import { createRun, enqueueRequest, taskSpec, untilPhase } from "../helpers/requests.ts";
import type { Clients } from "../helpers/server.ts";
import { callMany, quantile, takeTurns, type LoadResult } from "../helpers/stats.ts";

const LEVELS = [
  { concurrency: 1, calls: 100 },
  { concurrency: 16, calls: 400 },
] as const;
const SERVER = join(import.meta.dirname, "../helpers/enqueue-server.ts");
const SLEEP = taskSpec({ command: ["sleep", "600"] });
const RUN = "enqueue";

const CALLERS = ["neither", "person", "task"] as const;

/** Besides, what the server's processor had to do for a call: waiting for the disk, and for others, is not in it. */
type Load = LoadResult & { readonly cpuMs: number };

interface Started {
  readonly port: number;
  readonly token?: string;
  readonly attemptToken: string;
}

export const audit: Benchmark = {
  name: "audit",
  about: "Enqueue with a token and the audit log, against neither",
  conditions: SERVER_ONLY,
  floorConditions: SERVER_ONLY,
  limitSeconds: 90,
  run: async (context) => {
    const plain = await speak<Started>(context, [SERVER, "plain", RUN]);
    const tokens = await speak<Started>(context, [SERVER, "tokens", RUN]);
    const url = ({ first }: typeof plain) => `http://127.0.0.1:${first.port}`;
    const callers = {
      neither: { server: plain, clients: clientsOf(url(plain)) },
      person: { server: tokens, clients: clientsOf(url(tokens), tokens.first.token) },
      task: { server: tokens, clients: clientsOf(`${url(tokens)}/t/${tokens.first.attemptToken}`) },
    };
    for (const { clients } of [callers.neither, callers.person]) {
      await createRun(clients, RUN, SLEEP);
      await untilPhase(clients, RUN, ActionPhase.RUNNING);
    }
    let sent = 0;
    const load = async (caller: keyof typeof callers, calls: number, concurrency: number): Promise<Load> => {
      const { server, clients } = callers[caller];
      const before = server.cpuMs();
      const enqueue = () => clients.actions.enqueue(enqueueRequest(RUN, `c${sent++}`, SLEEP));
      const result = await callMany(calls, concurrency, enqueue);
      return { ...result, cpuMs: (server.cpuMs() - before) / calls };
    };
    for (const each of CALLERS) await load(each, context.count(500, 10), 16);

    const rows: Row[] = [];
    for (const { concurrency, calls } of LEVELS) {
      const count = context.count(calls, 20);
      const results = await takeTurns(
        context.count(15, 1),
        {
          neither: () => load("neither", count, concurrency),
          person: () => load("person", count, concurrency),
          task: () => load("task", count, concurrency),
        },
        context.signal,
      );
      rows.push(...rowsOf(concurrency, results));
    }
    return rows;
  },
};

function clientsOf(baseUrl: string, token?: string): Clients {
  const transport = createConnectTransport({
    baseUrl,
    httpVersion: "1.1",
    interceptors: [
      (next) => (request) => {
        if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  return {
    actions: createClient(ActionsService, transport),
    runs: createClient(RunService, transport),
    data: createClient(DataProxyService, transport),
  };
}

function rowsOf(concurrency: number, results: Record<(typeof CALLERS)[number], readonly Load[]>): Row[] {
  type Caller = keyof typeof results;
  const p50 = (caller: Caller) => summary(results[caller].map(({ latencies }) => quantile(latencies, 0.5)));
  // A mean: the kernel counts in ticks of 10 ms.
  const cpu = (caller: Caller) =>
    results[caller].reduce((sum, { cpuMs }) => sum + cpuMs, 0) / results[caller].length;
  const row = (caller: Caller, of: string, measured: (caller: Caller) => Figure): Row => ({
    measure: `enqueue × ${concurrency}, a ${caller}'s token, audited: ${of}`,
    unit: "ms",
    ours: measured(caller),
    floor: { what: "no login, no audit log", value: measured("neither") },
    goal: atMost(1.05),
  });
  return (["person", "task"] as const).flatMap((caller) => [
    row(caller, "p50", p50),
    row(caller, "processor", cpu),
  ]);
}
