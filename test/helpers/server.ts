/** A real server in a process of its own, as a user starts it. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";

export interface ReadyEvent {
  readonly event: "ready";
  readonly pid: number;
  readonly url: string;
  readonly port: number;
  readonly engine: string;
  readonly data: string;
  readonly readyMs: number;
}

export interface TestServer {
  readonly ready: ReadyEvent;
  readonly port: number;
  /** A client's configuration file for this server. */
  readonly config: string;
  /** The JSON objects that it prints after the first. */
  readonly events: AsyncIterable<unknown>;
  log(): string;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** The `boxkite` command, from source. */
export const BOXKITE = join(import.meta.dirname, "../../src/cli/main.ts");

export interface StartOptions {
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts `boxkite up --json` on a free port and waits until it is ready. It is stopped after the test. */
export async function startServer(t: TestContext, options: StartOptions): Promise<TestServer> {
  const port = options.args.includes("--port") ? [] : ["--port", "0"];
  const child = spawn(process.execPath, [BOXKITE, "up", "--json", ...port, ...options.args], {
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  t.after(() => end(child, "SIGTERM"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await Promise.race([lines.next(), once(child, "exit").then(() => undefined)]);
  const text = first?.done === false ? first.value : undefined;
  const ready = text === undefined ? undefined : (JSON.parse(text) as ReadyEvent);
  if (ready?.event !== "ready") throw new Error(`the server did not start: ${text ?? ""}\n${log}`);
  const config = join(await temporaryDirectory(t), "config.yaml");
  const listening = ready.port;
  await writeFile(config, clientConfig(listening));
  return {
    ready,
    port: listening,
    config,
    events: parsed(lines),
    log: () => log,
    kill: (signal) => end(child, signal),
  };
}

/** The file that `flyte create config --devbox` writes, for another port. */
export function clientConfig(port: number, builder = "local"): string {
  return `admin:
  endpoint: dns:///localhost:${port}
  insecure: true
task:
  project: flytesnacks
  domain: development
image:
  builder: ${builder}
`;
}

export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-test-"));
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
  return directory;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

async function* parsed(lines: AsyncIterator<string>): AsyncIterable<unknown> {
  for (let line = await lines.next(); line.done !== true; line = await lines.next())
    yield JSON.parse(line.value);
}
