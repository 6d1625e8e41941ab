/** Who may access which object: the operator all, a person a prefix, a run what orchestrator/object-rights.ts says. */
import { BoxkiteError } from "../domain/errors.ts";
import type { ObjectRights } from "../orchestrator/object-rights.ts";
import type { RunKey } from "../domain/ids.ts";
import type { RunIdentities } from "../orchestrator/run-identity.ts";
import { EVERYONE, type Identity, type Principal } from "../domain/principal.ts";
import type { S3Operation, S3Principal } from "../objects/s3/principal.ts";
import type { Authorise, Right } from "../services/access.ts";
import { tokenIdOf, userPrefixOf } from "./user-credentials.ts";

export const OPERATOR = "operator";

export interface ObjectAccessOptions {
  readonly rights: ObjectRights;
  readonly identities: RunIdentities;
  readonly authorise: Authorise;
  /** Called for each object that a run's credentials open for reading, before it is read. */
  readonly onRead?: (run: RunKey, key: string) => void;
}

type Allows = S3Principal["allows"];

export function createPrincipals({
  rights,
  identities,
  authorise,
  onRead,
}: ObjectAccessOptions): (accessKeyId: string, by: Principal) => S3Principal | undefined {
  /** What an access key opens; undefined for an unknown one. */
  const rulesOf = (
    accessKeyId: string,
  ): { readonly name: string; readonly allows: Allows; readonly identity?: Identity } | undefined => {
    const tokenId = tokenIdOf(accessKeyId);
    if (tokenId !== undefined)
      return { name: accessKeyId, allows: () => true, identity: { kind: "token", id: tokenId } };
    if (accessKeyId === OPERATOR) return { name: OPERATOR, allows: () => true };
    const userPrefix = userPrefixOf(accessKeyId);
    if (userPrefix !== undefined)
      return { name: accessKeyId, allows: (_, key) => key.startsWith(userPrefix) };
    const run = identities.runOf(accessKeyId);
    if (run === undefined) return undefined;
    return {
      name: `run ${run.run}`,
      allows: (operation, key) => {
        if (operation === "read") onRead?.(run, key);
        return operation === "read" || operation === "list"
          ? rights.mayRead(run, key)
          : rights.owns(run, key);
      },
    };
  };
  return (accessKeyId, by) => {
    const rules = rulesOf(accessKeyId);
    if (rules === undefined) return undefined;
    const { name, allows, identity = EVERYONE } = rules;
    return {
      name,
      secretAccessKey: identities.secretOf(accessKeyId),
      allows: async (operation, key) => {
        if (!(await allows(operation, key))) return false;
        try {
          await authorise({ ...by, who: name, identity }, RIGHTS[operation], { kind: "object", key });
          return true;
        } catch (error) {
          if (isRefusal(error)) return false;
          throw error;
        }
      },
    };
  };
}

const RIGHTS = {
  read: "read",
  list: "read",
  write: "create",
  delete: "change",
} as const satisfies Record<S3Operation, Right>;

function isRefusal(error: unknown): boolean {
  return (
    error instanceof BoxkiteError && (error.code === "PERMISSION_DENIED" || error.code === "UNAUTHENTICATED")
  );
}
