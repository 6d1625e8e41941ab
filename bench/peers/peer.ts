/** A product of others that does the same work: `step(x) = x + 1`, once, in a chain, and many at once. */
import { spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../src/lib/clock.ts";
import { within } from "../../src/lib/wait.ts";
import type { BenchContext, Conditions } from "../helpers/measure.ts";

export type Shape = "one" | "chain" | "fan";

export interface Peer {
  readonly name: string;
  readonly conditions: Conditions;
  /** The most steps at once that it is asked for; more take too long or end its server. */
  readonly mostAtOnce: number;
  /** Why it cannot be measured here. */
  missing(): string | undefined;
  /** Its server and its program, ready for work; ended with the benchmark. */
  start(context: BenchContext): Promise<PeerProgram>;
}

export interface PeerProgram {
  /** Milliseconds of the work, as the program that asks for it sees them. */
  ms(shape: Shape, count: number): Promise<number>;
}

/** A server of a peer: a process that is ended with the benchmark. Its output is thrown away but for its last lines. */
export interface PeerServer {
  /** Resolves when the probe does not throw any more; throws with the last output where the server ends before that. */
  ready(probe: () => Promise<unknown>): Promise<void>;
}

const READY_TRIES = 240;
const READY_PAUSE_MS = 500;
const GRACE_MS = 10_000;
/** Of a program until it is ready, and of one piece of work. */
const LONGEST_ANSWER_MS = 300_000;

export function startPeerServer(
  context: BenchContext,
  program: string,
  args: readonly string[],
  options: SpawnOptions = {},
): PeerServer {
  const child = spawn(program, [...args], { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (output = (output + text).slice(-4_000)));
  const exited = once(child, "exit");
  let hasEnded = false;
  const noteEnd = () => (hasEnded = true);
  exited.then(noteEnd, noteEnd);
  context.defer(async () => {
    if (hasEnded) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    await exited;
    clearTimeout(timer);
  });
  return {
    ready: async (probe) => {
      for (let tries = 0; tries < READY_TRIES && !hasEnded; tries++) {
        try {
          await probe();
          return;
        } catch {
          await sleep(READY_PAUSE_MS);
        }
      }
      throw new Error(`${program} did not get ready\n${output}`);
    },
  };
}

/** A program of ours in this folder: an order a line on its input, an answer a line on its output. */
export async function startPeerProgram(
  context: BenchContext,
  program: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<PeerProgram> {
  const child = spawn(program, [...args], { ...options, stdio: ["pipe", "pipe", "pipe"] });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-4_000)));
  child.stdin?.on("error", () => {});
  const exited = once(child, "exit");
  exited.catch(() => {});
  context.defer(() => child.kill("SIGKILL"));
  if (child.stdout === null) throw new Error(`${program} has no output`);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const line = await within(lines.next(), LONGEST_ANSWER_MS, systemClock);
    if (line === undefined) throw new Error(`${program} ${args.join(" ")} does not answer\n${errors}`);
    if (line.done === true) throw new Error(`${program} ${args.join(" ")} has ended\n${errors}`);
    return JSON.parse(line.value) as { readonly ms?: number };
  };
  await answer();
  return {
    ms: async (shape, count) => {
      child.stdin?.write(`${JSON.stringify({ shape, count })}\n`);
      return (await answer()).ms ?? Number.NaN;
    },
  };
}

/** A port of the loopback interface that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** Throws where the address does not answer with success. */
export async function probeHttp(url: string): Promise<void> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
}
