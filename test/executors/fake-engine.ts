/** A scripted engine on a unix socket, for tests of what a real one does too rarely to wait for. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

export interface FakeCall {
  readonly method: string;
  /** Without the version in front. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
}

/** Answers a call: a value becomes JSON under status 200; undefined is a 404. */
export type FakeAnswer = (call: FakeCall, response: ServerResponse) => unknown;

export interface FakeEngine {
  readonly socketPath: string;
  readonly calls: FakeCall[];
  close(): Promise<void>;
}

/** Given back by an answer that has written its response itself. */
export const ANSWERED = Symbol("answered");

export async function startFakeEngine(
  t: TestContext,
  answer: FakeAnswer,
  engine: "podman" | "docker" = "docker",
): Promise<FakeEngine> {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-fake-engine-"));
  const socketPath = join(directory, "engine.sock");
  const calls: FakeCall[] = [];
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const url = new URL(request.url ?? "", "http://engine");
      const path = url.pathname.replace(/^\/v[0-9.]+/, "");
      const call = {
        method: request.method ?? "",
        path,
        query: url.searchParams,
        body,
        headers: request.headers,
      };
      if (path === "/version") return respond(response, versionOf(engine));
      calls.push(call);
      return respond(response, answer(call, response));
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const close = async () => {
    server.close();
    server.closeAllConnections();
    await rm(directory, { recursive: true, force: true });
  };
  t.after(close);
  return { socketPath, calls, close };
}

/** With a status other than 200. */
export function status(response: ServerResponse, code: number, message: string): typeof ANSWERED {
  response.writeHead(code, { "Content-Type": "application/json" }).end(JSON.stringify({ message }));
  return ANSWERED;
}

function respond(response: ServerResponse, value: unknown): void {
  if (value === ANSWERED) return;
  if (value === undefined) status(response, 404, "no such thing");
  else response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(value));
}

function versionOf(engine: "podman" | "docker"): unknown {
  const name = engine === "podman" ? "Podman Engine" : "Engine";
  return { Version: "9.9", ApiVersion: "1.99", Components: [{ Name: name }] };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Such as `POST create`. */
export function verbOf({ method, path }: FakeCall): string {
  return `${method} ${path.split("/").at(-1)}`;
}

export function answer(response: ServerResponse, code: number, body?: unknown): typeof ANSWERED {
  response.writeHead(code).end(body === undefined ? undefined : JSON.stringify(body));
  return ANSWERED;
}

/** A container of this state. */
export function inspected(state: object): unknown {
  const times = { StartedAt: "2026-01-02T03:04:05Z", FinishedAt: "2026-01-02T03:04:06Z" };
  return {
    Id: "c1",
    State: { Running: false, OOMKilled: false, ...times, ...state },
    Config: { Labels: {} },
  };
}
