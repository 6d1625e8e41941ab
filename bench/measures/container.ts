/** What an action in a container costs beyond its own work, against the engine's own API. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { findEngine, type FoundEngine } from "../../src/containers/find.ts";
import { messageOf } from "../../src/domain/errors.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { BARE_CONTAINER, IN_CONTAINERS } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atMost, type BenchContext, type Benchmark } from "../helpers/measure.ts";
import {
  abortRun,
  actionId,
  createRun,
  enqueueRequest,
  isOver,
  ROOT,
  taskSpec,
  untilPhase,
} from "../helpers/requests.ts";
import { startServer, type Clients } from "../helpers/server.ts";
import { stampIn } from "../helpers/stamp.ts";
import { takeTurns } from "../helpers/stats.ts";

/** Small, with a shell and a `date` that knows nanoseconds; it must be there already. */
const IMAGE = process.env["BOXKITE_BENCH_IMAGE"] ?? "docker.io/library/debian:12-slim";
/** The first thing that the container does is to say when. */
const COMMAND = ["/bin/date", "+%s%N"];
/** The first process of a container ends at SIGTERM only if it says so. */
const PARENT = ["/bin/sh", "-c", "trap exit TERM; sleep 600 & wait"];
const RUN = "container";

interface Times {
  /** From asking to the first instruction. */
  readonly before: number;
  /** From that instruction, the last as well, to whoever waits. */
  readonly after: number;
}

export const container: Benchmark = {
  name: "container",
  about: "an action's overhead on podman, against create + start + wait",
  conditions: IN_CONTAINERS,
  floorConditions: BARE_CONTAINER,
  missing: async () => {
    try {
      const found = await openPodman();
      const image = await found.api.inspectImage(IMAGE);
      await found.close();
      return image === undefined ? `podman has no image ${IMAGE}` : undefined;
    } catch (error) {
      return messageOf(error).split("\n")[0] ?? "no podman";
    }
  },
  limitSeconds: 90,
  run: async (context) => {
    const engine = await openPodman();
    context.defer(() => engine.close());
    const server = await startServer(context, { engine: "podman" });
    const { clients } = server;
    await createRun(clients, RUN, taskSpec({ command: PARENT, image: IMAGE }));
    context.defer(() => abortRun(clients, RUN));
    await untilPhase(clients, RUN, ActionPhase.RUNNING);

    let count = 0;
    const wait = followChildren(context, clients);
    const child = async (): Promise<Times> => {
      const name = `c${count++}`;
      const ended = wait(name);
      const asked = Date.now();
      await clients.actions.enqueue(enqueueRequest(RUN, name, taskSpec({ command: COMMAND, image: IMAGE })));
      const told = await ended;
      const stamp = await firstInstruction(clients, name);
      // The container is removed after its end, and that is nobody's waiting.
      await untilRemoved(engine, name);
      return { before: stamp - asked, after: told - stamp };
    };
    const bare = () => createStartWait(engine);
    await takeTurns(1, { child, bare });
    const results = await takeTurns(context.count(12, 1), { child, bare }, context.signal);
    const of = (name: "child" | "bare", part: (times: Times) => number) => summary(results[name].map(part));
    const whole = ({ before, after }: Times) => before + after;
    return [
      {
        measure: "container: Enqueue → first instruction",
        unit: "ms",
        ours: of("child", (times) => times.before),
        floor: { what: "create → first instruction", value: of("bare", (times) => times.before) },
        goal: atMost(1.2),
      },
      {
        measure: "container: its exit → the parent is told",
        unit: "ms",
        ours: of("child", (times) => times.after),
        floor: { what: "its exit → wait answers", value: of("bare", (times) => times.after) },
        goal: atMost(1),
      },
      {
        measure: "container: whole action",
        unit: "ms",
        ours: of("child", whole),
        floor: { what: "create + start + wait", value: of("bare", whole) },
        goal: atMost(1.2),
      },
    ];
  },
};

function openPodman(): Promise<FoundEngine> {
  return findEngine({ preference: "podman", log: silentLogger });
}

/** The same container, asked for by hand. */
async function createStartWait({ api }: FoundEngine): Promise<Times> {
  const name = `boxkite-bench-${randomBytes(6).toString("hex")}`;
  const asked = Date.now();
  const created = await api.createContainer(name, {
    Image: IMAGE,
    Entrypoint: COMMAND,
    HostConfig: { NetworkMode: "default", LogConfig: { Type: "k8s-file", Config: {} } },
  });
  if (created.kind !== "created") throw new Error(`podman would not create a container: ${created.kind}`);
  try {
    await api.startContainer(created.id);
    await api.waitContainer(created.id);
    const told = Date.now();
    let output = "";
    for await (const chunk of (await api.containerLogs(created.id, { follow: false })) ?? [])
      output += chunk.toString("latin1");
    const stamp = requireStamp(output);
    return { before: stamp - asked, after: told - stamp };
  } finally {
    await api.removeContainer(created.id);
  }
}

/** What a parent does: watch its children; gives the time at which one was told to be over. */
function followChildren(context: BenchContext, clients: Clients): (name: string) => Promise<number> {
  const waiting = new Map<string, (at: number) => void>();
  const stop = new AbortController();
  const filter = { case: "parentActionId", value: actionId(RUN, ROOT) } as const;
  const watching = (async () => {
    for await (const { message } of clients.actions.watchForUpdates({ filter }, { signal: stop.signal })) {
      if (message.case !== "actionUpdate" || !isOver(message.value.phase)) continue;
      waiting.get(message.value.actionId?.name ?? "")?.(Date.now());
    }
  })().catch(() => {});
  context.defer(async () => {
    stop.abort();
    await watching;
  });
  return (name) => new Promise((resolve) => waiting.set(name, resolve));
}

async function firstInstruction(clients: Clients, name: string): Promise<number> {
  let output = "";
  for await (const { logs } of clients.data.tailLogs({ actionId: actionId(RUN, name), attempt: 1 })) {
    for (const { lines } of logs) for (const { message } of lines) output += message;
  }
  return requireStamp(output);
}

function requireStamp(output: string): number {
  const stamp = stampIn(output);
  if (stamp === undefined)
    throw new Error(`the container did not say when it started: ${output.slice(0, 500)}`);
  return stamp;
}

async function untilRemoved({ api }: FoundEngine, action: string): Promise<void> {
  for (let looks = 0; looks < 100; looks++) {
    if ((await api.listContainers([`dev.boxkite.run=${RUN}`, `dev.boxkite.action=${action}`])).length === 0)
      return;
    await sleep(50);
  }
  throw new Error(`the container of ${action} was not removed`);
}
