/** Who may touch which object: the operator everything, a person a prefix, a run its own and what it was granted. */
import { isRunRawDataKey, runBaseUri } from "../engine/paths.ts";
import type { RunIdentities } from "../engine/run-identity.ts";
import type { S3Principal } from "../objects/s3/principal.ts";
import { objectUri, parseObjectUri } from "../objects/uri.ts";
import type { Store } from "../store/store.ts";
import { userPrefixOf } from "./user-credentials.ts";

export const OPERATOR = "operator";

export interface ObjectAccessOptions {
  readonly store: Store;
  readonly identities: RunIdentities;
  readonly operatorSecret: string;
  readonly bucket: string;
}

export function createPrincipals(
  options: ObjectAccessOptions,
): (accessKeyId: string) => S3Principal | undefined {
  const { store, identities, bucket } = options;
  return (accessKeyId) => {
    if (accessKeyId === OPERATOR) {
      return { name: OPERATOR, secretAccessKey: options.operatorSecret, allows: () => true };
    }
    const userPrefix = userPrefixOf(accessKeyId);
    if (userPrefix !== undefined) {
      return {
        name: accessKeyId,
        secretAccessKey: identities.secretOf(accessKeyId),
        allows: (_, key) => key.startsWith(userPrefix),
      };
    }
    const run = identities.runOf(accessKeyId);
    if (run === undefined) return undefined;
    const ownPrefix = `${parseObjectUri(runBaseUri(bucket, run))?.key ?? ""}/`;
    return {
      name: `run ${run.run}`,
      secretAccessKey: identities.secretOf(accessKeyId),
      allows: async (operation, key) => {
        if (key.startsWith(ownPrefix)) return true;
        const record = await store.getRun(run);
        if (record === undefined) return false;
        if (isRunRawDataKey(record, bucket, key)) return true;
        return (operation === "read" || operation === "list") && store.isGranted(run, objectUri(bucket, key));
      },
    };
  };
}
