/** Everything that answers requests, put together: calls of the protocol, objects, pages. */
import { presign } from "../lib/sigv4-signer.ts";
import type { Quotas } from "../domain/quotas.ts";
import type { HostedStore } from "../objects/hosted-store.ts";
import { createS3Handler } from "../objects/s3/handler.ts";
import { WRITE_ONCE_PARAMETER } from "../objects/s3/put-object.ts";
import type { StoredBytes } from "../objects/stored-bytes.ts";
import type { ObjectTraffic } from "../orchestrator/object-traffic.ts";
import type { RunIdentities } from "../orchestrator/run-identity.ts";
import { createAccess, type Authorise } from "../services/access.ts";
import { limitCalls } from "../services/call-quota.ts";
import { NO_TOKENS } from "../services/authorise/token.ts";
import { createLargeObjects } from "../services/large-objects.ts";
import type { ServiceContext } from "../services/context.ts";
import { keyOfUri } from "../services/object-keys.ts";
import { createRunQuota } from "../services/run-quota.ts";
import { registerServices } from "../services/routes.ts";
import type { Authenticate } from "./authenticate.ts";
import { limitStorage } from "../services/storage-quota.ts";
import type { CheckHealth } from "./health.ts";
import type { HostNames } from "./host-names.ts";
import type { Handler } from "./listener.ts";
import { createPrincipals, OPERATOR } from "./object-access.ts";
import type { People } from "./people.ts";
import { createRouter, unknownMethod, type RoutedHandler } from "./router.ts";
import { createRpc } from "./rpc.ts";

export interface HandlerOptions {
  readonly parts: Omit<ServiceContext, "access" | "tokens" | "largeObjects" | "presign" | "runQuota"> & {
    readonly objects: HostedStore;
  };
  readonly health: CheckHealth;
  readonly identities: RunIdentities;
  readonly authenticate: Authenticate;
  readonly people: People | undefined;
  readonly traffic: ObjectTraffic;
  readonly authorise: Authorise;
  readonly quotas: Quotas;
  /** Where the quotas limit them. */
  readonly storedBytes: StoredBytes | undefined;
  readonly hostNames: HostNames;
}

export function createHandler(options: HandlerOptions): Handler {
  const {
    parts,
    health,
    identities,
    authenticate,
    people,
    traffic,
    authorise,
    quotas,
    storedBytes,
    hostNames,
  } = options;
  const { store, objects, rights, orchestrator, bucket, clock, log } = parts;
  const tokens = people?.tokens ?? NO_TOKENS;
  const access = createAccess(store, withQuotas(authorise, options));
  const largeObjects = createLargeObjects();
  const context: ServiceContext = {
    ...parts,
    access,
    tokens,
    largeObjects,
    runQuota: createRunQuota(store, quotas),
    presign: ({ method, origin, uri, expiresInSeconds, writeOnce }) =>
      presign({
        method,
        origin,
        bucket,
        key: keyOfUri(uri, bucket),
        accessKeyId: OPERATOR,
        secretAccessKey: identities.secretOf(OPERATOR),
        expiresInSeconds,
        nowMs: clock.now(),
        ...(writeOnce && { query: { [WRITE_ONCE_PARAMETER]: "" } }),
        ...(writeOnce?.md5 && { headers: { "content-md5": Buffer.from(writeOnce.md5).toString("base64") } }),
      }),
  };
  const rpc = createRpc({
    register: (router) => registerServices(router, context),
    unknown: unknownMethod,
    log,
  });
  const s3 = createS3Handler({
    store: objects,
    bucket,
    clock,
    log,
    onWritten: (key, bytes) => {
      storedBytes?.written(key, bytes);
      largeObjects.written(key, bytes);
      traffic.written(key);
      orchestrator.objectWritten(key);
    },
    onUnstorable: traffic.refused,
    principals: createPrincipals({
      rights,
      identities,
      authorise: access.authorise,
      onRead: traffic.read,
    }),
  });
  return createRouter({
    authenticate,
    people,
    rpc,
    objects: s3 as RoutedHandler,
    bucket,
    health,
    context,
    hostNames,
  });
}

function withQuotas(authorise: Authorise, { quotas, storedBytes, parts }: HandlerOptions): Authorise {
  const limited = limitCalls(authorise, { callsPerSecond: quotas.callsPerSecond, clock: parts.clock });
  if (storedBytes === undefined || quotas.storedBytes === undefined) return limited;
  return limitStorage(limited, storedBytes, quotas.storedBytes);
}
