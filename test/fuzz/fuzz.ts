/**
 * Random requests to two servers in a process of their own, for a while: no answer says that the server failed, its log
 * has no error, and afterwards it still runs tasks, has grown by no more than MAX_GROWTH, and has no descriptor or
 * handle left. BOXKITE_TEST_SEED=N sends the requests of an earlier time again; those that use what was answered before,
 * such as tokens of attempts, may differ.
 */
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { request, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { ProjectService } from "../../src/wire/gen/flyteidl2/project/project_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { SCOPE, taskSpec } from "../../bench/helpers/requests.ts";
import { randomOf, type Random } from "../helpers/random.ts";
import { until } from "../helpers/until.ts";
import { randomCall } from "./calls.ts";
import { randomObjectRequest } from "./objects.ts";
import { randomPageRequest } from "./pages.ts";
import type { Measured, Said } from "./protocol.ts";
import { describe, type RawAnswer, type RawRequest } from "./request.ts";
import { createSender } from "./send.ts";
import { faultOf } from "./verdict.ts";
import { ADDRESSES, randomCaller, type ServerName, type World } from "./world.ts";

const MAX_GROWTH_BYTES = 50 * 2 ** 20;
/** Sockets that were just closed may be counted still. */
const MAX_MORE_OPEN = 8;
const AT_ONCE = 6;
/** Of the time: caches fill, and the machine's code is compiled, before the first measurement. */
const WARM_UP = 0.25;
const MAX_FAULTS = 20;
const KNOWN = 8;
const RENEW_EVERY = 400;

export interface FuzzOptions {
  readonly forMs: number;
}

export async function fuzz(t: TestContext, { forMs }: FuzzOptions): Promise<void> {
  const given = process.env["BOXKITE_TEST_SEED"];
  const seed = given === undefined ? Math.trunc(Math.random() * 2 ** 31) : Number(given);

  const target = await startTarget(t);
  const { world, faults } = target;
  const sender = createSender(world.port);
  t.after(() => sender.close());
  const counts = new Map<string, number>();

  let next = 0;
  const sendUntil = async (end: number): Promise<void> => {
    const worker = async (): Promise<void> => {
      while (Date.now() < end && faults.length < MAX_FAULTS) {
        const number = next++;
        if (number % RENEW_EVERY === 0) await target.renew();
        const [kind, request] = randomRequest(world, randomOf(seed + number));
        const answer = await sender.send(request);
        const result = answer === undefined ? "left" : String(answer.status ?? "silent");
        counts.set(`${kind} ${result}`, (counts.get(`${kind} ${result}`) ?? 0) + 1);
        if (answer === undefined) continue;
        learn(world, request, answer);
        const fault = faultOf(request, answer);
        if (fault !== undefined) faults.push(`request ${number}: ${describe(request)}\n  ${fault}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  };

  const began = Date.now();
  await sendUntil(began + forMs * WARM_UP);
  await target.prove("warm");
  const before = await target.measure();
  await sendUntil(began + forMs);
  await target.prove("end");
  sender.close();
  const after = await target.measure();
  console.log(`BOXKITE_TEST_SEED=${seed}: ${summaryOf(next, counts, before, after)}`);
  const none = () => assert.equal(faults.length, 0, `BOXKITE_TEST_SEED=${seed}\n${faults.join("\n")}`);
  none();
  assert.ok(
    after.rss - before.rss <= MAX_GROWTH_BYTES,
    `BOXKITE_TEST_SEED=${seed}: grew from ${before.rss} to ${after.rss}`,
  );
  assert.ok(
    after.open - before.open <= MAX_MORE_OPEN,
    `BOXKITE_TEST_SEED=${seed}: ${before.open}, then ${after.open} descriptors`,
  );
  await target.close();
  none();
}

function randomRequest(world: World, random: Random): [kind: string, RawRequest] {
  const ending = random.below(100);
  const sends = ending < 2 ? "part" : ending < 4 ? "leaves" : "all";
  switch (random.below(10)) {
    case 0:
    case 1: {
      const caller = random.chance(0.15) ? randomCaller(world, random) : undefined;
      const page = randomPageRequest(world, random);
      const { server = random.chance(0.7) ? "closed" : "open", from = ADDRESSES.machine } = caller ?? {};
      const headers = [...(caller?.headers ?? []), ...page.headers];
      return [
        "page",
        { ...page, sends, server, from, path: (caller?.pathPrefix ?? "") + page.path, headers },
      ];
    }
    case 2:
    case 3:
    case 4:
      return [
        "object",
        {
          ...randomObjectRequest(world, random),
          sends,
          from: random.pick([ADDRESSES.machine, ADDRESSES.container]),
        },
      ];
    default: {
      const { server, from, pathPrefix, headers } = randomCaller(world, random);
      const call = randomCall(random);
      return [
        "call",
        {
          ...call,
          sends,
          server,
          from,
          path: pathPrefix + call.path,
          headers: [...headers, ...call.headers],
        },
      ];
    }
  }
}

/** Identifiers for later requests. */
function learn(world: World, { path }: RawRequest, { text }: RawAnswer): void {
  const id = /<UploadId>([^<]+)<\/UploadId>/u.exec(text)?.[1];
  const key = decodeURIComponent(/^\/boxkite\/([^?]*)/u.exec(path)?.[1] ?? "");
  if (id !== undefined) remember(world.uploads, { id, key });
  const etag = /^etag: *(\S+)\r$/imu.exec(text)?.[1];
  if (etag !== undefined) remember(world.etags, etag);
}

function remember<T>(known: T[], value: T): void {
  known.push(value);
  if (known.length > KNOWN) known.shift();
}

async function startTarget(t: TestContext) {
  const child = fork(join(import.meta.dirname, "server.ts"), { execArgv: ["--expose-gc"] });
  t.after(() => void child.kill("SIGKILL"));
  const faults: string[] = [];
  let goesOn: SaidOf<"goesOn"> | undefined;
  const attempts: World["attempts"] = { open: [], closed: [] };
  child.on("message", (message) => {
    const said = message as Said;
    if (said.said === "goesOn") goesOn = said;
    if (said.said === "attempt") remember(attempts[said.server], said.attempt);
    if (said.said === "log" && isError(said.line))
      faults.push(`log of the ${said.server} server: ${said.line}`);
  });
  child.on("exit", (code, signal) => {
    if (code !== 0) faults.push(`the server's process ended: ${signal ?? `code ${code}`}`);
  });
  const { servers } = await hear(child, "ready");
  const world: World = {
    port: { open: servers.open.port, closed: servers.closed.port },
    keys: { open: servers.open.keys, closed: servers.closed.keys },
    tokens: servers.closed.tokens,
    attempts,
    session: { cookie: "", formToken: "" },
    uploads: [],
    etags: [],
  };
  const clients = { open: clientsOf(world, "open"), closed: clientsOf(world, "closed") };
  return {
    world,
    faults,
    /** What random requests end or change is made anew. */
    renew: async () => {
      world.session = await signIn(world);
      for (const { runs, projects } of Object.values(clients)) {
        await projects.updateProject({ project: { id: SCOPE.project, name: SCOPE.project, state: 0 } });
        const id = { case: "runId", value: { ...SCOPE, name: "held" } } as const;
        const spec = taskSpec({ command: ["true"], image: "held" });
        // It is there already, unless this is the first time.
        await runs.createRun({ id, task: { case: "taskSpec", value: spec } }).catch(() => {});
      }
    },
    /** A run of a project of its own succeeds on both. */
    prove: async (name: string) => {
      for (const { runs, projects } of Object.values(clients)) {
        const scope = { project: "proof", domain: "development" };
        await projects.createProject({ project: { id: scope.project, name: "proof" } }).catch(() => {});
        const runId = { ...scope, name };
        const spec = taskSpec({ command: ["true"], image: "proof", name: "proof" });
        await runs.createRun({
          id: { case: "runId", value: runId },
          task: { case: "taskSpec", value: spec },
        });
        await until(async () => {
          const { details } = await runs.getRunDetails({ runId });
          return details?.action?.status?.phase === ActionPhase.SUCCEEDED;
        });
      }
    },
    measure: async (): Promise<Measured> => {
      child.send({ ask: "measure" });
      return (await hear(child, "measured")).measured;
    },
    /** Throws where something keeps the process alive, with what that is. */
    close: async () => {
      const ended = once(child, "exit", { signal: AbortSignal.timeout(60_000) });
      child.send({ ask: "close" });
      await ended.catch((cause: unknown) => {
        const what = goesOn === undefined ? "and does not answer" : `${goesOn.step}; ${goesOn.open}`;
        throw new Error(`the server's process has not ended: ${what}`, { cause });
      });
    },
  };
}

type SaidOf<Kind extends Said["said"]> = Extract<Said, { readonly said: Kind }>;

function hear<Kind extends Said["said"]>(child: ChildProcess, kind: Kind): Promise<SaidOf<Kind>> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error("the server's process has ended"));
    const listen = (message: unknown) => {
      if ((message as Said).said !== kind) return;
      child.off("message", listen).off("exit", gone);
      resolve(message as SaidOf<Kind>);
    };
    child.on("message", listen).once("exit", gone);
  });
}

function isError(line: string): boolean {
  return (JSON.parse(line) as { level: string }).level === "error";
}

function clientsOf({ port, tokens }: World, server: ServerName) {
  const prefix = server === "closed" ? `/t/${tokens[0]}` : "";
  const baseUrl = `http://127.0.0.1:${port[server]}${prefix}`;
  const transport = createConnectTransport({ baseUrl, httpVersion: "1.1" });
  return { runs: createClient(RunService, transport), projects: createClient(ProjectService, transport) };
}

async function signIn({ port, tokens }: World): Promise<World["session"]> {
  const url = `http://127.0.0.1:${port.closed}`;
  const form = new URLSearchParams({ token: tokens[0] ?? "" }).toString();
  const entered = await askAsBrowser(`${url}/login`, { origin: url }, form);
  const cookie = entered.headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
  const page = await text(await askAsBrowser(`${url}/v2`, { cookie }));
  return { cookie, formToken: /name="form-token" value="([\w-]+)"/u.exec(page)?.[1] ?? "" };
}

/** From an address of its own: the others have shown too many wrong tokens. */
async function askAsBrowser(
  url: string,
  headers: OutgoingHttpHeaders,
  form?: string,
): Promise<IncomingMessage> {
  const method = form === undefined ? "GET" : "POST";
  const asked = request(url, { method, headers, localAddress: ADDRESSES.browser, agent: false });
  asked.end(form);
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  return answer;
}

function summaryOf(
  sent: number,
  counts: ReadonlyMap<string, number>,
  before: Measured,
  after: Measured,
): string {
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const answers = [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name}: ${count}`);
  return [
    `${sent} requests`,
    `resident memory ${mib(before.rss)}, then ${mib(after.rss)}; heap ${mib(before.heap)}, then ${mib(after.heap)}; external ${mib(before.external)}, then ${mib(after.external)}`,
    `descriptors ${before.open}, then ${after.open}`,
    answers.join(", "),
  ].join("; ");
}
