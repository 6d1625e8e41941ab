/** The log of a task that writes 100 MB as fast as it can. */
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { BARE_PROGRAM, IN_PROCESSES } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atLeast, atMost, type BenchContext, type Benchmark } from "../helpers/measure.ts";
import { openHttpClient } from "../helpers/http.ts";
import { programMs } from "../helpers/process.ts";
import { actionId, createRun, isOver, ROOT, SCOPE, taskSpec } from "../helpers/requests.ts";
import { startServer, type Clients } from "../helpers/server.ts";
import { quantile, takeTurns, timed } from "../helpers/stats.ts";

const LINE = "x".repeat(99);
const LOG_LINES = join(import.meta.dirname, "../helpers/log-lines.ts");

export const logs: Benchmark = {
  name: "logs",
  about: "the log of a task that writes 100 MB, and what others notice of it",
  conditions: IN_PROCESSES,
  floorConditions: BARE_PROGRAM,
  limitSeconds: 90,
  run: async (context) => {
    const lines = context.count(1_000_000, 5_000);
    const megabytes = (lines * (LINE.length + 1)) / 1e6;
    const command = ["/bin/sh", "-c", `yes ${LINE} | head -n ${lines}`];
    const server = await startServer(context);
    const { clients } = server;
    const directory = await context.directory();
    const probe = openProbe(context, `http://127.0.0.1:${server.port}/healthz`);
    await sleep(context.count(1_500, 100));
    const quiet = probe.take();

    let runs = 0;
    const follow = async (): Promise<number> => {
      const run = `logs${runs++}`;
      return megabytesPerSecond(megabytes, async () => {
        await createRun(clients, run, taskSpec({ command }));
        const seen = await countLines(clients, run);
        if (seen < lines) throw new Error(`${seen} of ${lines} lines were told`);
        await untilOver(clients, run);
      });
    };
    const bare = join(directory, "bare.log");
    const keep = () =>
      megabytesPerSecond(megabytes, () => programMs(process.execPath, [LOG_LINES, bare, ...command]));
    const results = await takeTurns(context.count(5, 1), { follow, keep }, context.signal);
    const busy = probe.take();
    const peakMb = server.memory().peakMb;

    const again = await takeTurns(
      context.count(5, 1),
      {
        ours: () => megabytesPerSecond(megabytes, () => countLines(clients, "logs0")),
        bare: () => megabytesPerSecond(megabytes, () => readLines(bare)),
      },
      context.signal,
    );
    await probe.stop();
    return [
      {
        measure: `logs: ${Math.round(megabytes)} MB written, kept and followed`,
        unit: "MB/s",
        ours: summary(results.follow),
        floor: { what: "written and kept by a bare Node", value: summary(results.keep) },
        goal: atLeast(0.33),
      },
      {
        measure: "logs: read again by a client",
        unit: "MB/s",
        ours: summary(again.ours),
        floor: { what: "lines of a file read by a bare Node", value: summary(again.bare) },
      },
      {
        measure: "logs: another request meanwhile, p99",
        unit: "ms",
        ours: quantile(busy, 0.99),
        floor: { what: "before", value: quantile(quiet, 0.99) },
        goal: atMost(100, "ours"),
      },
      {
        measure: "logs: another request meanwhile, longest",
        unit: "ms",
        ours: Math.max(...busy),
        floor: { what: "before", value: Math.max(...quiet) },
      },
      { measure: "logs: server memory, most", unit: "MB", ours: peakMb, goal: atMost(250, "ours") },
    ];
  },
};

async function megabytesPerSecond(megabytes: number, work: () => Promise<unknown>): Promise<number> {
  return megabytes / ((await timed(work)) / 1_000);
}

/** Lines of the task itself, up to the end of its log. */
async function countLines(clients: Clients, run: string): Promise<number> {
  let count = 0;
  for await (const { logs: parts } of clients.data.tailLogs({ actionId: actionId(run, ROOT), attempt: 1 })) {
    for (const { lines } of parts) for (const { message } of lines) if (message.startsWith("xxx")) count++;
  }
  return count;
}

async function untilOver(clients: Clients, run: string): Promise<void> {
  for await (const { details } of clients.runs.watchRunDetails({ runId: { org: "", ...SCOPE, name: run } })) {
    if (isOver(details?.action?.status?.phase ?? 0)) return;
  }
}

async function readLines(file: string): Promise<void> {
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(file) }))
    count += line.length > 0 ? 1 : 0;
  if (count === 0) throw new Error(`${file} is empty`);
}

interface Probe {
  /** Milliseconds of the requests since the last call. */
  take(): number[];
  stop(): Promise<void>;
}

/** A small request every 20 ms: how long the server is busy with other things. */
function openProbe(context: BenchContext, url: string): Probe {
  const http = openHttpClient(context);
  let times: number[] = [];
  let stopped = false;
  const probing = (async () => {
    while (!stopped) {
      times.push(await timed(() => http.get(url)).catch(() => Number.NaN));
      await sleep(20);
    }
  })();
  const stop = async () => {
    stopped = true;
    await probing;
  };
  context.defer(stop);
  return {
    take: () => {
      const taken = times.filter((ms) => !Number.isNaN(ms));
      times = [];
      return taken;
    },
    stop,
  };
}
