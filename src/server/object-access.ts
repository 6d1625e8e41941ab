/** Who may touch which object: the operator everything, a person a prefix, a run what orchestrator/object-rights.ts says. */
import type { ObjectRights } from "../orchestrator/object-rights.ts";
import type { RunIdentities } from "../orchestrator/run-identity.ts";
import type { S3Principal } from "../objects/s3/principal.ts";
import { userPrefixOf } from "./user-credentials.ts";

export const OPERATOR = "operator";

export interface ObjectAccessOptions {
  readonly rights: ObjectRights;
  readonly identities: RunIdentities;
  readonly operatorSecret: string;
}

export function createPrincipals({
  rights,
  identities,
  operatorSecret,
}: ObjectAccessOptions): (accessKeyId: string) => S3Principal | undefined {
  return (accessKeyId) => {
    if (accessKeyId === OPERATOR) {
      return { name: OPERATOR, secretAccessKey: operatorSecret, allows: () => true };
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
    return {
      name: `run ${run.run}`,
      secretAccessKey: identities.secretOf(accessKeyId),
      allows: (operation, key) =>
        operation === "read" || operation === "list" ? rights.mayRead(run, key) : rights.owns(run, key),
    };
  };
}
