/** What it costs to find out who calls and what they may do: calls with a token, against calls without login. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { SERVER_ONLY } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atLeast, atMost, type BenchContext, type Benchmark, type Row } from "../helpers/measure.ts";
import { abortRun, createRun, enqueueRequest, SCOPE, taskSpec, untilPhase } from "../helpers/requests.ts";
import { clientsAt, MAIN, startServer, type BenchServer, type Clients } from "../helpers/server.ts";
import { callMany, takeTurns } from "../helpers/stats.ts";

/** Short loads that take turns often: what changes on the machine hits all of them alike. */
const LEVELS = [
  { concurrency: 1, calls: 25, rounds: 24 },
  { concurrency: 16, calls: 64, rounds: 24 },
] as const;
const RUN = "callers";
/** Starts only when the benchmark is over. */
const TASK = taskSpec({ command: ["true"] });

/** What one load cost. */
interface Cost {
  readonly perSecond: number;
  /** Processor time of the server for each call. */
  readonly cpuMs: number;
}

export const callers: Benchmark = {
  name: "callers",
  about: "Enqueue by a task and by a person with a token, CreateRun by a person, against calls without login",
  conditions: SERVER_ONLY,
  floorConditions: SERVER_ONLY,
  limitSeconds: 120,
  run: async (context) => {
    const open = await startServer(context, { maxParallel: 1 });
    const closed = await startServer(context, { maxParallel: 1, args: ["--auth", "tokens"] });
    const people = {
      anybody: open.clients,
      person: clientsAt(closed.port, `/t/${await runnersToken(closed)}`),
    };
    const [tokenOfOpen, tokenOfClosed] = [
      await holdSlot(context, people.anybody),
      await holdSlot(context, people.person),
    ];
    const tasks = {
      task: clientsAt(open.port, tokenOfOpen),
      personsTask: clientsAt(closed.port, tokenOfClosed),
    };

    let sent = 0;
    const enqueue = ({ actions }: Clients) => actions.enqueue(enqueueRequest(RUN, `c${sent++}`, TASK));
    const create = (clients: Clients) => createRun(clients, `callers-${sent++}`, TASK);
    const load = async (
      server: BenchServer,
      clients: Clients,
      call: (clients: Clients) => Promise<unknown>,
      { concurrency, calls }: (typeof LEVELS)[number],
    ): Promise<Cost> => {
      const count = context.count(calls, 20);
      const before = server.cpuMs();
      const { perSecond } = await callMany(count, concurrency, () => call(clients));
      return { perSecond, cpuMs: (server.cpuMs() - before) / count };
    };
    const rows: Row[] = [];
    for (const level of LEVELS) {
      const works = {
        anybody: () => load(open, people.anybody, enqueue, level),
        task: () => load(open, tasks.task, enqueue, level),
        person: () => load(closed, people.person, enqueue, level),
        personsTask: () => load(closed, tasks.personsTask, enqueue, level),
        anybodysRun: () => load(open, people.anybody, create, level),
        personsRun: () => load(closed, people.person, create, level),
      };
      // Code that has run often is faster: all are warm before the first counts.
      await takeTurns(context.count(8, 1), works);
      const costs = await takeTurns(context.count(level.rounds, 1), works, context.signal);
      const compare = (what: string, ours: readonly Cost[], floor: readonly Cost[]) =>
        rows.push(...rowsOf(`${what} × ${level.concurrency}`, ours, floor));
      compare("Enqueue by a task", costs.task, costs.anybody);
      compare("Enqueue by a person", costs.person, costs.anybody);
      compare("Enqueue by a person's task", costs.personsTask, costs.anybody);
      compare("CreateRun by a person", costs.personsRun, costs.anybodysRun);
    }
    return rows;
  },
};

function rowsOf(what: string, ours: readonly Cost[], floor: readonly Cost[]): Row[] {
  const of = (costs: readonly Cost[], name: keyof Cost) => summary(costs.map((cost) => cost[name]));
  const anybody = (name: keyof Cost) => ({ what: "the same without login", value: of(floor, name) });
  return [
    {
      measure: `${what}: calls`,
      unit: "/s",
      ours: of(ours, "perSecond"),
      floor: anybody("perSecond"),
      goal: atLeast(0.95),
    },
    {
      measure: `${what}: processor`,
      unit: "ms",
      ours: of(ours, "cpuMs"),
      floor: anybody("cpuMs"),
      goal: atMost(1.05),
    },
  ];
}

/** Starts the run whose task holds the only slot; gives the path with the task's token. */
async function holdSlot(context: BenchContext, clients: Clients): Promise<string> {
  const file = join(await context.directory(), "endpoint");
  // The token is hidden in logs.
  await createRun(
    clients,
    RUN,
    taskSpec({ command: ["/bin/sh", "-c", `printenv _U_EP_OVERRIDE > ${file}; exec sleep 600`] }),
  );
  context.defer(() => abortRun(clients, RUN));
  await untilPhase(clients, RUN, ActionPhase.RUNNING);
  for (;;) {
    const endpoint = await readFile(file, "utf8").catch(() => "");
    if (endpoint.endsWith("\n")) return endpoint.slice(endpoint.indexOf("/")).trim();
    await sleep(20, undefined, { signal: context.signal });
  }
}

async function runnersToken({ first }: BenchServer): Promise<string> {
  const grant = ["--role", "runner", "--project", SCOPE.project];
  const args = [MAIN, "token", "create", "--data", first.data, "--name", "bench", ...grant];
  return (await promisify(execFile)(process.execPath, args)).stdout.trim();
}
