/** Puts the server together, in the order in which its parts start and stop. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { DOMAINS } from "../domain/ids.ts";
import { createEngine } from "../engine/engine.ts";
import { createRunIdentities } from "../engine/run-identity.ts";
import type { Executor } from "../executors/executor.ts";
import { systemClock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createAttemptLogs } from "../logs/attempt-logs.ts";
import { openDirectoryStore } from "../objects/directory-store.ts";
import { createS3Handler } from "../objects/s3/handler.ts";
import { presign } from "../objects/s3/presign.ts";
import { createChangeFeed } from "../services/change-feed.ts";
import { errorInterceptor } from "../services/errors.ts";
import { keyOfUri } from "../services/object-keys.ts";
import { registerServices } from "../services/routes.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";
import { readWritten } from "../wire/written.ts";
import { listen, type Handler, type Request, type Response } from "./listener.ts";
import { createPrincipals, OPERATOR } from "./object-access.ts";

export interface ServerOptions {
  readonly dataDirectory: string;
  readonly host: string;
  readonly port: number;
  readonly acceptsLocalAddress: (address: string) => boolean;
  /** Makes the executor once the store can tell which instance this is. */
  readonly createExecutor: (context: ExecutorContext) => Promise<Executor>;
  readonly maxParallel: number;
  readonly log: Logger;
}

export interface ExecutorContext {
  /** Names this store's server for ever: the same after a restart, another for another store. */
  readonly instance: string;
  readonly dataDirectory: string;
  readonly log: Logger;
}

export interface Server {
  readonly port: number;
  readonly executor: Executor;
  close(): Promise<void>;
}

export const BUCKET = "boxkite";
/** One message in memory; inputs and specifications are far smaller. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

export async function startServer(options: ServerOptions): Promise<Server> {
  const { dataDirectory, log } = options;
  const clock = systemClock;
  const store = openSqliteStore(join(dataDirectory, "store.sqlite"));
  const [secret, instance] = await Promise.all([
    store.secret("signing", () => randomBytes(32).toString("hex")),
    store.secret("instance", () => randomBytes(8).toString("hex")),
    seedProject(store, clock.now()),
  ]);
  const identities = createRunIdentities(secret);
  const operatorSecret = identities.secretOf(OPERATOR);
  const [objects, executor] = await Promise.all([
    openDirectoryStore(join(dataDirectory, "objects")),
    options.createExecutor({ instance, dataDirectory, log }),
  ]);
  const logs = createAttemptLogs(join(dataDirectory, "logs"));
  const feed = createChangeFeed(store);
  let port = options.port;
  const engine = createEngine({
    store,
    executor,
    logs,
    identities,
    clock,
    log,
    maxParallel: options.maxParallel,
    endpoint: () => executor.endpointForAttempts(port),
    readWritten: (prefix) =>
      readWritten(
        (uri) => objects.readAll(keyOfUri(uri, BUCKET)),
        async (uri) => (await objects.head(keyOfUri(uri, BUCKET))) !== undefined,
        prefix,
      ),
  });

  const rpc = connectNodeAdapter({
    routes: (router) =>
      registerServices(router, {
        store,
        engine,
        objects,
        logs,
        feed,
        clock,
        log,
        bucket: BUCKET,
        presign: ({ method, origin, uri, expiresInSeconds }) =>
          presign({
            method,
            origin,
            bucket: BUCKET,
            key: keyOfUri(uri, BUCKET),
            accessKeyId: OPERATOR,
            secretAccessKey: operatorSecret,
            expiresInSeconds,
            nowMs: clock.now(),
          }),
      }),
    interceptors: [errorInterceptor(log)],
    readMaxBytes: MAX_MESSAGE_BYTES,
    grpcWeb: true,
    fallback: unknownMethod,
  });
  const s3 = createS3Handler({
    store: objects,
    bucket: BUCKET,
    clock,
    log,
    principals: createPrincipals({ store, identities, operatorSecret, bucket: BUCKET }),
  });
  const handler = route({ rpc: rpc as Handler, s3: s3 as Handler });
  const listener = await listen({ ...options, handler });
  port = listener.port;
  await engine.start();

  return {
    port,
    executor,
    close: async () => {
      await engine.stop();
      feed.close();
      await listener.close();
      await store.close();
    },
  };
}

/** A method that this version of the protocol does not have: an image may carry a newer SDK. */
function unknownMethod(request: Request, response: Response): void {
  const method = (request.url ?? "").slice(1);
  response.statusCode = 404;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ code: "unimplemented", message: `${method} is not implemented by this server` }));
}

function route({ rpc, s3 }: { rpc: Handler; s3: Handler }): Handler {
  return (request, response) => {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    if (path.startsWith("/flyteidl2.")) return rpc(request, response);
    if (path === `/${BUCKET}` || path.startsWith(`/${BUCKET}/`)) return s3(request, response);
    const known = path === "/healthz" || path === "/v2/healthz";
    response.statusCode = known ? 200 : 404;
    response.setHeader("content-type", "text/plain; charset=utf-8");
    response.end(known ? "ok\n" : `nothing is served at ${path}\n`);
  };
}

/** The project that `flyte create config --devbox` names exists from the start. */
async function seedProject(store: Store, now: number): Promise<void> {
  await store.createProject({
    id: "flytesnacks",
    name: "flytesnacks",
    description: `with the domains ${DOMAINS.join(", ")}`,
    labels: {},
    state: "active",
    createdAt: now,
  });
}

