/**
 * The process whose servers are sent random requests: one that asks for tokens, and one that does not. Their executor
 * is a fake whose attempts end by themselves, some with outputs that they write with their own keys. Started with
 * --expose-gc by `fuzz.ts`.
 */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { createLogger } from "../../src/lib/log.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { createEgressRule } from "../../src/lib/egress.ts";
import { createSigningKeys } from "../../src/orchestrator/signing-keys.ts";
import { findSigningKeys } from "../../src/orchestrator/stored-signing-keys.ts";
import { createToken } from "../../src/server/create-token.ts";
import { startServer, type Server } from "../../src/server/server.ts";
import { STORE_FILE } from "../../src/server/store-file.ts";
import { tokenCredentials, userCredentials } from "../../src/server/user-credentials.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { asAttempt } from "../helpers/attempt-objects.ts";
import { createFakeExecutor, type FakeAttempt, type FakeExecutor } from "../helpers/fake-executor.ts";
import { notedClock } from "../helpers/noted-clock.ts";
import type { Ask, Measured, Said, StartedServer } from "./protocol.ts";
import { ADDRESSES, type ServerName } from "./world.ts";

/** Its root runs on, so that there is always an attempt that may call. */
const HELD = "held";

/** After a close was asked for. Most take less than 1 s. */
const SLOW_END_MS = 20_000;

/** As in a diagnostic report of Node. */
interface UvHandle {
  readonly is_active: boolean;
  readonly is_referenced: boolean;
}

const directory = await mkdtemp(join(tmpdir(), "boxkite-fuzz-"));
const say = (said: Said) => void process.send?.(said);
const clock = notedClock();
const running = [await start("open"), await start("closed")] as const;
say({ said: "ready", servers: { open: running[0].started, closed: running[1].started } });

// Of files that nobody closed, and of timers and listeners that are too many.
process.on("warning", ({ message }) => {
  say({ said: "log", server: "open", line: JSON.stringify({ level: "error", message }) });
});
process.on("message", (message) => {
  const { ask } = message as Ask;
  void (ask === "measure" ? measure().then((measured) => say({ said: "measured", measured })) : close());
});

async function start(
  name: ServerName,
): Promise<{ readonly server: Server; readonly started: StartedServer }> {
  const dataDirectory = join(directory, name);
  await mkdir(dataDirectory);
  const { executor, serveAt } = attemptsThatEnd(name);
  const server = await startServer({
    dataDirectory,
    ephemeral: true,
    port: 0,
    reach: {
      listenAt: "127.0.0.1",
      accepts: () => true,
      classOf: (_, from) => (from === ADDRESSES.container ? "bridge" : "loopback"),
    },
    createExecutor: async () => executor,
    createImageTools: undefined,
    // No name is resolved, whoever asks.
    egress: { ...createEgressRule({ resolve: (_, __, answer) => answer(new Error("no names here"), []) }) },
    version: "0.0.0",
    clock,
    queues: new Map(),
    maxParallel: 8,
    log: createLogger({ format: "json", write: (line) => say({ said: "log", server: name, line }) }),
    auth: name === "open" ? "off" : "tokens",
  });
  serveAt(`http://127.0.0.1:${server.port}`);
  const store = openSqliteStore(join(dataDirectory, STORE_FILE));
  const ring = await findSigningKeys(store);
  if (ring === undefined) throw new Error("the server has no signing key");
  const keys = createSigningKeys(() => ring, systemClock);
  const runner = await createToken(store, {
    name: "runner",
    grants: [{ role: "runner", project: "flytesnacks", domain: "development" }],
    expiresAt: undefined,
    createdBy: "fuzz",
    at: systemClock.now(),
  });
  await store.close();
  return {
    server,
    started: {
      port: server.port,
      keys: [
        userCredentials(keys, ""),
        userCredentials(keys, "flytesnacks/"),
        tokenCredentials(keys, runner.token.id),
      ],
      tokens: server.firstToken === undefined ? [] : [server.firstToken, runner.text],
    },
  };
}

function attemptsThatEnd(name: ServerName): { executor: FakeExecutor; serveAt: (origin: string) => void } {
  let origin = "";
  const end = async (attempt: FakeAttempt): Promise<void> => {
    const { key, env, image } = attempt.spec;
    await sleep(50 * (key.run.length % 3));
    const succeeds = image.reference === "proof" || key.run.length % 2 === 0;
    const outputs = `${env["_U_RUN_BASE"]}/${key.action}/${key.attempt}/outputs.pb`;
    // Refused where the action was aborted meanwhile.
    if (succeeds) await asAttempt(origin, attempt, "PUT", outputs, "");
    attempt.observer.ended({ reason: "exited", exitCode: succeeds ? 0 : 1, outOfMemory: false });
  };
  const fake = createFakeExecutor((attempt) => {
    // They are not kept: what is measured is the server.
    fake.started.length = 0;
    const { env, key } = attempt.spec;
    say({
      said: "attempt",
      server: name,
      attempt: {
        token: env["_U_EP_OVERRIDE"]?.split("/t/")[1] ?? "",
        accessKeyId: env["FLYTE_AWS_ACCESS_KEY_ID"] ?? "",
        secretAccessKey: env["FLYTE_AWS_SECRET_ACCESS_KEY"] ?? "",
      },
    });
    if (key.run !== HELD || key.action !== "a0")
      end(attempt).catch((error: unknown) =>
        say({
          said: "log",
          server: name,
          line: JSON.stringify({ level: "error", message: "the fake executor", error: String(error) }),
        }),
      );
  });
  return { executor: withLog(fake), serveAt: (address) => (origin = address) };
}

function withLog(fake: FakeExecutor): FakeExecutor {
  return {
    ...fake,
    start: async (spec, logs, observer) => {
      for (let line = 0; line < 20; line++) logs.write("stdout", `line ${line} <b>\u001b[31m`, Date.now());
      await fake.start(spec, logs, observer);
    },
  };
}

async function measure(): Promise<Measured> {
  for (let round = 0; round < 4; round++) {
    // An ordinary collection keeps the pages that it has emptied.
    await globalThis.gc?.({ type: "major", execution: "async", flavor: "last-resort" });
    await sleep(250);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed, external, open: (await readdir("/proc/self/fd")).length };
}

/** Nothing is left that keeps the process alive: the test waits for its end, and is told what is left if it does not come. */
async function close(): Promise<void> {
  let step = "";
  setTimeout(() => say({ said: "goesOn", step, open: whatIsOpen() }), SLOW_END_MS).unref();
  for (const [index, { server }] of running.entries()) {
    step = `closing server ${index + 1} of ${running.length}`;
    await server.close();
  }
  step = "removing the directory";
  await rm(directory, { recursive: true, force: true });
  step = "all is closed";
  // Still there for the report, but no reason to go on.
  process.channel?.unref();
}

/** The handles of the event loop that keep it going, with the addresses of sockets, and requests of the system that wait. */
function whatIsOpen(): string {
  const { libuv } = process.report.getReport() as { readonly libuv: readonly UvHandle[] };
  const handles = libuv.filter(({ is_active, is_referenced }) => is_active && is_referenced);
  return inspect(
    { resources: process.getActiveResourcesInfo(), handles, waits: clock.waits() },
    { depth: 5 },
  );
}
