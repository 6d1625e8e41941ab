/** Everything that answers requests, put together: calls of the protocol, objects, pages. */
import type { Quotas } from "../domain/quotas.ts";
import type { AttemptObjects } from "../executors/executor.ts";
import type { HostedStore } from "../objects/hosted-store.ts";
import { createS3Handler } from "../objects/s3/handler.ts";
import type { StoredBytes } from "../objects/stored-bytes.ts";
import type { ObjectTraffic } from "../orchestrator/object-traffic.ts";
import type { AccessKeyKind } from "../orchestrator/access-keys.ts";
import { createAttemptWrites } from "../orchestrator/attempt-writes.ts";
import type { ObjectsOf } from "../orchestrator/attempts.ts";
import type { SigningKeys } from "../orchestrator/signing-keys.ts";
import type { Reach } from "../platform/reach.ts";
import { createAccess, type Authorise } from "../services/access.ts";
import { limitCalls } from "../services/call-quota.ts";
import { NO_TOKENS } from "../services/authorise/token.ts";
import { createAttemptEnds } from "./attempt-ends.ts";
import { createAttemptObjects } from "./attempt-objects.ts";
import { createEnds } from "./ends.ts";
import { createLargeObjects } from "../services/large-objects.ts";
import type { ServiceContext } from "../services/context.ts";
import { createRunQuota } from "../services/run-quota.ts";
import { registerServices } from "../services/routes.ts";
import { createAuthenticate } from "./authenticate.ts";
import type { AuditedCalls } from "./audit/audited-calls.ts";
import { createObjectAudit } from "./audit/object-audit.ts";
import { auditInterceptor } from "./audit/rpc-audit.ts";
import { limitStorage } from "../services/storage-quota.ts";
import type { CheckHealth } from "./health.ts";
import type { HostNames } from "./host-names.ts";
import type { Handler } from "./listener.ts";
import { createPresign } from "./links.ts";
import { createPrincipals } from "./object-access.ts";
import type { People } from "./people.ts";
import { createRouter, unknownMethod, type RoutedHandler } from "./router.ts";
import { createRpc } from "./rpc.ts";
import { KEYS_OF_TASKS, TASKS_ONLY } from "./task-callers.ts";

export interface HandlerOptions {
  readonly parts: Omit<ServiceContext, "access" | "tokens" | "largeObjects" | "presign" | "runQuota"> & {
    readonly objects: HostedStore;
  };
  readonly health: CheckHealth;
  readonly signingKeys: SigningKeys;
  readonly reach: Pick<Reach, "classOf">;
  readonly people: People | undefined;
  readonly traffic: ObjectTraffic;
  readonly authorise: Authorise;
  readonly audited: AuditedCalls;
  readonly quotas: Quotas;
  /** Where the quotas limit them. */
  readonly storedBytes: StoredBytes | undefined;
  readonly hostNames: HostNames;
}

export interface Handlers {
  /** For executors that read and write objects of attempts in their place. */
  readonly objectsOf: (attempt: ObjectsOf) => AttemptObjects;
  readonly everybody: Handler;
  /** Of the listener that takes calls of tasks only. */
  tasks(): Handler;
}

export function createHandlers(options: HandlerOptions): Handlers {
  const {
    parts,
    health,
    signingKeys,
    reach,
    people,
    traffic,
    authorise,
    audited,
    quotas,
    storedBytes,
    hostNames,
  } = options;
  const { store, objects, orchestrator, bucket, clock, log } = parts;
  const tokens = people?.tokens ?? NO_TOKENS;
  const access = createAccess(store, audited.noting(withQuotas(authorise, options)));
  const objectAudit = createObjectAudit(audited, tokens);
  const { reproductions } = parts;
  const ends = createEnds(createAttemptEnds(store, clock), people, reproductions);
  const largeObjects = createLargeObjects();
  const context: ServiceContext = {
    ...parts,
    access,
    tokens,
    largeObjects,
    runQuota: createRunQuota(store, quotas),
    presign: createPresign({ signingKeys, bucket, clock }),
  };
  const rpc = createRpc({
    register: (router) => registerServices(router, context),
    loadOthers: async () => (await import("../services/every-service.ts")).registerEveryService,
    unknown: unknownMethod,
    audit: auditInterceptor(audited),
    log,
  });
  const written = (key: string, bytes: number) => {
    storedBytes?.written(key, bytes);
    largeObjects.written(key, bytes);
    traffic.written(key);
  };
  const keys = {
    signingKeys,
    bucket,
    authorise: access.authorise,
    mayWrite: createAttemptWrites(store, bucket),
    grant: orchestrator.grant,
    onEnd: ends.onEnd,
    audit: objectAudit,
  };
  const s3 = (kinds?: readonly AccessKeyKind[]): RoutedHandler =>
    createS3Handler({
      store: objects,
      bucket,
      clock,
      log,
      onWritten: (key, bytes) => {
        written(key, bytes);
        orchestrator.objectWritten(key);
      },
      onUnstorable: traffic.refused,
      onAsked: objectAudit.asked,
      onRefused: objectAudit.refused,
      principals: createPrincipals({ ...keys, onRead: traffic.read, ...(kinds && { kinds }) }),
    }) as RoutedHandler;
  const routes = { ends, audited, rpc, bucket, health, context, hostNames };
  return {
    objectsOf: createAttemptObjects({
      objects,
      bucket,
      signingKeys,
      principals: createPrincipals(keys),
      audited,
      onRead: traffic.read,
      onWritten: written,
    }),
    everybody: createRouter({
      ...routes,
      authenticate: createAuthenticate(signingKeys, reach, people, reproductions),
      people,
      objects: s3(),
    }),
    tasks: () =>
      createRouter({
        ...routes,
        authenticate: createAuthenticate(signingKeys, reach, TASKS_ONLY, reproductions),
        objects: s3(KEYS_OF_TASKS),
        refusesStrangers: true,
      }),
  };
}

function withQuotas(authorise: Authorise, { quotas, storedBytes, parts }: HandlerOptions): Authorise {
  const limited = limitCalls(authorise, { callsPerSecond: quotas.callsPerSecond, clock: parts.clock });
  if (storedBytes === undefined || quotas.storedBytes === undefined) return limited;
  return limitStorage(limited, storedBytes, quotas.storedBytes);
}
