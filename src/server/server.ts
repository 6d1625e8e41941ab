/** Puts the server together, in the order in which its parts start and stop. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { openAuditLog, type AuditLog } from "../audit/audit-log.ts";
import { AUDIT_DIRECTORY } from "../audit/day-file.ts";
import { expireAudit } from "../audit/retention.ts";
import { loginOf, type AuthMode, type Login } from "../domain/auth-mode.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { LOCAL } from "../domain/principal.ts";
import { DOMAINS } from "../domain/ids.ts";
import type { Queues } from "../domain/queue.ts";
import { DEFAULT_QUOTAS, type Quotas } from "../domain/quotas.ts";
import { createCatalog, type Catalog } from "../orchestrator/catalog.ts";
import type { ImagePolicy } from "../orchestrator/images.ts";
import { createOrchestrator } from "../orchestrator/orchestrator.ts";
import { createLogRetention } from "../orchestrator/log-retention.ts";
import { createObjectTraffic } from "../orchestrator/object-traffic.ts";
import { createObjectRights } from "../orchestrator/object-rights.ts";
import { createReproduce } from "../orchestrator/reproduce.ts";
import { createReproductions } from "../orchestrator/reproductions.ts";
import type { SigningKeys } from "../orchestrator/signing-keys.ts";
import { openSigningKeys } from "../orchestrator/stored-signing-keys.ts";
import type { ExecutorContext, ImageTools } from "../platform/platform.ts";
import type { Executor } from "../executors/executor.ts";
import { createInProcessExecutor } from "../executors/in-process-executor.ts";
import { routeByImage } from "../executors/routing-executor.ts";

import { machinePlatform } from "../images/registry/platform.ts";
import { NO_REGISTRIES } from "../images/registry/registries.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import { createEgressRule, type EgressRule } from "../lib/egress.ts";
import type { Logger } from "../lib/log.ts";
import { createAttemptLogs } from "../logs/attempt-logs.ts";
import { openDirectoryStore } from "../objects/directory-store.ts";
import { countStoredBytes } from "../objects/stored-bytes.ts";
import { expireUploads } from "../objects/upload-expiry.ts";
import type { Authorise } from "../services/access.ts";
import { createAuthorise } from "../services/authorise/authorise.ts";
import { NO_TOKENS } from "../services/authorise/token.ts";
import type { BuildScopes } from "../services/build-rules.ts";
import { buildImageWork, deployBuildTask } from "../services/build-task.ts";
import { createChangeFeed } from "../services/change-feed.ts";
import { createImageCheck, type ImageCheckOptions } from "../services/image-check/image-check.ts";
import { createUnusedImages } from "../services/unused-images.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { createAuditedCalls } from "./audit/audited-calls.ts";
import { auditBuilds } from "./audit/build-audit.ts";
import { auditArrival } from "./audit/http-audit.ts";
import { createBuilds } from "./builds.ts";
import { bundleObjects } from "./bundle-objects.ts";
import { createFirstToken } from "./first-token.ts";
import { secretsOf } from "./build-secrets.ts";
import { createFingerprint } from "./fingerprint.ts";
import { createHandlers } from "./handler.ts";
import { createHealth } from "./health.ts";
import type { HostNames } from "./host-names.ts";
import { openListeners, type Listeners } from "./listeners.ts";
import { createLocalLogin, localSecretOf } from "./local-login.ts";
import { logMigrations } from "./migration-log.ts";
import type { Proxies } from "./proxies.ts";
import type { Certificates } from "./tls/certificates.ts";
import { createPeople, type People, type PeopleOptions } from "./people.ts";
import type { Reach } from "../platform/reach.ts";
import { logRuns } from "./run-log.ts";
import { createResults } from "./results.ts";
import { OBJECTS_DIRECTORY, STORE_FILE } from "./store-file.ts";

export interface ServerOptions {
  readonly dataDirectory: string;
  /** The directory is removed at the end: attempts that no later server could take up end with this one. */
  readonly ephemeral: boolean;
  readonly port: number;
  readonly reach: Reach;
  /**
   * Where containers come over loopback: which connections the listener takes that they have to themselves. There people
   * show the local login secret, unless they have tokens. @default they use the server's own, as the connections of people
   */
  readonly taskReach?: Reach | undefined;
  /** Of the server's own TLS. @default it speaks plain HTTP only */
  readonly certificates?: Certificates | undefined;
  /** Whose word on their clients is believed. @default nobody's */
  readonly proxies?: Proxies | undefined;
  /** @default off */
  readonly auth?: AuthMode;
  /** Names by which clients may know the server. @default this machine's own */
  readonly hostNames?: HostNames;
  /** Of a server at this port, for people: without a path. @default `http://localhost:PORT` */
  readonly publicUrl?: (port: number) => string;
  /** Whether other machines may connect although nobody proves who they are: each page says so. @default false */
  readonly isOpenToAnyone?: boolean;
  /** Makes the executor, once the instance is known from the store. */
  readonly createExecutor: (context: ExecutorContext) => Promise<Executor>;
  /** What builds images; undefined where nothing can. */
  readonly createImageTools: (() => Promise<ImageTools>) | undefined;
  /** Which image a reference without a digest names for a run. @default "always" */
  readonly imagePolicy?: ImagePolicy;
  /** What images are checked for before a run starts, or that they are not. @default a machine without a GPU */
  readonly imageCheck?: Pick<ImageCheckOptions, "driver" | "isStrict"> | "off";
  /** Hosts that the server contacts for callers that are not trusted. @default public ones */
  readonly egress?: EgressRule;
  /** Which projects may use which build secret and push to which registry; without: all, where nobody logs in. */
  readonly buildScopes?: BuildScopes;
  readonly maxParallel: number;
  readonly queues: Queues;
  /** Of each project. @default DEFAULT_QUOTAS */
  readonly quotas?: Quotas;
  /** Lets a task that asks for more processors than there are run with those. */
  readonly capCpu?: boolean;
  /** How long the process of an attempt may go on once its outputs or error are written. */
  readonly lingerMs?: number;
  /** Kept of one attempt's log. */
  readonly maxLogBytes?: number;
  /** Days that logs stay after the end of their run; unset or 0: for ever. */
  readonly keepLogsDays?: number;
  /** Days that the audit log stays; unset or 0: for ever. */
  readonly keepAuditDays?: number;
  /** @default the one in the data directory */
  readonly audit?: AuditLog;
  /** Version of the program, and of the task that the server deploys itself. */
  readonly version: string;
  readonly log: Logger;
  /** Asked besides the rules of services/authorise. */
  readonly authorise?: Authorise;
  /** Stepped by tests. */
  readonly clock?: Clock;
}

export interface Server {
  readonly port: number;
  /** For people, without a path. */
  readonly url: string;
  /** Of the listener that task containers have to themselves. */
  readonly taskPort: number | undefined;
  readonly executor: Executor;
  /** What people have to show. */
  readonly login: Login;
  /** Undefined where people need none. */
  readonly localSecret: string | undefined;
  /** Of an admin, where the server asks for tokens and there was none: shown to whoever started it. */
  readonly firstToken: string | undefined;
  /** Resolves when another server has taken over the store: nothing that is accepted here is driven any more. */
  readonly leaseLost: Promise<BoxkiteError>;
  /** How many attempts run or are about to. */
  liveAttempts(): Promise<number>;
  close(): Promise<void>;
}

export const BUCKET = "boxkite";
/** From which the keys of encrypted objects are derived, for the life of the store: it is never rotated. */
const ENCRYPTION_SECRET = "signing";

export async function startServer(options: ServerOptions): Promise<Server> {
  const { dataDirectory, log } = options;
  const clock = options.clock ?? systemClock;
  // What is open is closed when a later step fails, and at the end: the last first.
  await using opened = new AsyncDisposableStack();
  const store = openSqliteStore(join(dataDirectory, STORE_FILE), logMigrations(log, clock));
  opened.defer(() => store.close());
  const catalog = createCatalog({ store, clock, log });
  const [secret, instance, fingerprintKey] = await Promise.all([
    store.secret(ENCRYPTION_SECRET, () => randomBytes(32).toString("hex")),
    store.secret("instance", () => randomBytes(8).toString("hex")),
    store.secret("fingerprints", () => randomBytes(32).toString("hex")),
    seedProject(catalog),
  ]);
  const signing = await openSigningKeys({ store, clock, log });
  opened.defer(() => signing.close());
  const signingKeys = signing.keys;
  const login = loginOf(
    options.auth ?? "off",
    options.taskReach && "loopback",
    options.isOpenToAnyone === true,
  );
  const people = peopleOf(login, signingKeys, { store, clock, log });
  opened.defer(() => people?.stop());
  const auditDirectory = join(dataDirectory, AUDIT_DIRECTORY);
  const audit = options.audit ?? openAuditLog(auditDirectory, { clock, log });
  opened.defer(() => audit.close());
  const audited = createAuditedCalls(audit, clock);
  const rights = createObjectRights(store, BUCKET);
  const openObjects = async () => {
    const objects = await openDirectoryStore(join(dataDirectory, OBJECTS_DIRECTORY), { clock, log, secret });
    opened.defer(() => objects.close());
    const findCode = bundleObjects({ objects, rights, bucket: BUCKET });
    const executor = await options.createExecutor({ instance, dataDirectory, log, records: store, findCode });
    return { objects, executor };
  };
  const [{ objects, executor: usualExecutor }] = await Promise.all([
    openObjects(),
    deployBuildTask(catalog, options.version),
  ]);
  const { createImageTools: createTools } = options;
  const builds =
    createTools && createBuilds({ createTools, store, workDir: join(dataDirectory, "builds"), clock, log });
  const unusedImages = createUnusedImages({ store, clock, log });
  opened.defer(() => unusedImages.close());
  const work = buildImageWork({
    store,
    objects,
    bucket: BUCKET,
    builds,
    unusedImages,
    rights,
    readSecret: secretsOf(process.env),
    onEnded: auditBuilds(audited),
    scopes: options.buildScopes ?? { secrets: new Map(), registries: NO_REGISTRIES },
    clock,
  });
  const executor = routeByImage(usualExecutor, {
    reference: work.reference,
    executor: createInProcessExecutor(work, clock),
  });
  const logs = createAttemptLogs(join(dataDirectory, "logs"), { maxBytes: options.maxLogBytes, clock });
  const feed = createChangeFeed(store, clock);
  opened.defer(() => feed.close());
  const reproductions = createReproductions(clock);
  const authorise = createAuthorise({
    store,
    rights,
    reproductions,
    tokens: people?.tokens ?? NO_TOKENS,
    also: options.authorise,
  });
  const traffic = createObjectTraffic();
  let ports: Pick<Listeners, "port" | "taskPort"> = { port: options.port, taskPort: undefined };
  const url = () => options.publicUrl?.(ports.port) ?? `http://localhost:${ports.port}`;
  const leaseLost = Promise.withResolvers<BoxkiteError>();
  const orchestrator = createOrchestrator({
    owner: `process ${process.pid} of ${hostname()}`,
    onLeaseLost: leaseLost.resolve,
    store,
    executor,
    logs,
    traffic,
    signingKeys,
    clock,
    log,
    egress: options.egress ?? createEgressRule(),
    imagePolicy: options.imagePolicy ?? "always",
    maxParallel: options.maxParallel,
    queues: options.queues,
    ...(options.capCpu === true && { capCpu: true }),
    ...(options.lingerMs !== undefined && { lingerMs: options.lingerMs }),
    // Nothing starts before there are handlers.
    objectsOf: (attempt) => handlers.objectsOf(attempt),
    endpoint: () => executor.endpointForAttempts(ports.taskPort ?? ports.port),
    ...createResults({
      store,
      authorise,
      objects,
      rights,
      bucket: BUCKET,
      log,
    }),
  });
  const reproduce = createReproduce({
    store,
    executor,
    signingKeys,
    reproductions,
    endpoint: () => executor.endpointForAttempts(ports.taskPort ?? ports.port),
    log,
  });
  const imageCheck = createImageCheck({
    orchestrator,
    store,
    checker: options.imageCheck === "off" ? undefined : executor.checker,
    ...(typeof options.imageCheck === "object" && options.imageCheck),
    ...(options.imagePolicy === "pinned" && { resolveAnew: executor.resolveImage }),
    clock,
    log,
  });
  const { quotas = DEFAULT_QUOTAS } = options;
  const storedBytes =
    quotas.storedBytes === undefined ? undefined : countStoredBytes({ store: objects, clock, log });
  opened.defer(() => storedBytes?.stop());
  const handlers = createHandlers({
    parts: {
      store,
      catalog,
      rights,
      reproductions,
      reproduce,
      orchestrator,
      objects,
      logs,
      feed,
      clock,
      log,
      bucket: BUCKET,
      builds,
      unusedImages,
      imageCheck,
      imagePlatform: executor.platform ?? machinePlatform(),
      pools: executor.pools && (() => executor.pools?.() ?? []),
      isOpenToAnyone: options.isOpenToAnyone ?? false,
      fingerprint: createFingerprint(fingerprintKey),
      publicUrl: url,
    },
    health: createHealth(store, objects, audit),
    audited,
    signingKeys,
    reach: options.reach,
    people,
    traffic,
    authorise,
    quotas,
    storedBytes,
    hostNames: options.hostNames ?? [],
  });
  const listeners = await openListeners({ ...options, handlers, onRefused: auditArrival(audited) });
  opened.defer(() => listeners.close());
  ports = listeners;
  opened.defer(() => orchestrator.stop({ endAttempts: options.ephemeral }));
  opened.defer(() => reproductions.close());
  await orchestrator.start();
  opened.defer(expireUploads({ store: objects, clock, log }));
  opened.defer(logRuns({ store, origin: url, clock, log }));
  const { keepLogsDays: keepDays = 0 } = options;
  const retention = keepDays > 0 ? createLogRetention({ store, logs, keepDays, clock, log }) : undefined;
  opened.defer(() => retention?.stop());
  retention?.start();
  const { keepAuditDays = 0 } = options;
  if (keepAuditDays > 0)
    opened.defer(expireAudit({ directory: auditDirectory, keepDays: keepAuditDays, clock, log }));

  // The last that can fail: it is shown once, by whoever started the server.
  const firstToken = login === "token" ? await createFirstToken({ store, audit, clock }) : undefined;

  const running = opened.move();
  return {
    port: ports.port,
    url: url(),
    taskPort: ports.taskPort,
    executor,
    login,
    localSecret: login === "local-secret" ? localSecretOf(signingKeys) : undefined,
    firstToken,
    leaseLost: leaseLost.promise,
    liveAttempts: () => orchestrator.liveAttempts(),
    close: () => running.disposeAsync(),
  };
}

/** Undefined where nobody has to show anything. */
function peopleOf(login: Login, signingKeys: SigningKeys, options: PeopleOptions): People | undefined {
  if (login === "token") return createPeople(options);
  return login === "local-secret" ? createLocalLogin(signingKeys, options.clock) : undefined;
}

/** The project that `flyte create config --devbox` names exists from the start. */
async function seedProject(catalog: Catalog): Promise<void> {
  const id = "flytesnacks";
  const description = `with the domains ${DOMAINS.join(", ")}`;
  await catalog
    .createProject({ id, name: id, description, labels: {}, state: "active" }, LOCAL)
    .catch((error: unknown) => {
      if (!(error instanceof BoxkiteError && error.code === "PROJECT_EXISTS")) throw error;
    });
}
