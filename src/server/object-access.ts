/** Who may access which object: the rules of services/authorise/, asked in the name of whoever signed the request. */
import type { AttemptKey } from "../domain/attempt.ts";
import type { RunKey } from "../domain/ids.ts";
import { EVERYONE, type Identity, type Principal } from "../domain/principal.ts";
import type { S3Operation, S3Principal } from "../objects/s3/principal.ts";
import { objectUri } from "../objects/uri.ts";
import { readAccessKey, type AccessKey, type AccessKeyKind } from "../orchestrator/access-keys.ts";
import { attemptOfName } from "../orchestrator/attempt-name.ts";
import type { MayWrite } from "../orchestrator/attempt-writes.ts";
import { reproductionOfName, type ReproductionName } from "../orchestrator/reproductions.ts";
import type { SigningKeys } from "../orchestrator/signing-keys.ts";
import type { Authorise, Resource, Right } from "../services/access.ts";
import { longestUrlSeconds } from "../services/url-expiry.ts";
import type { ObjectAudit } from "./audit/object-audit.ts";
import { nameOf } from "./authenticate.ts";
import { signerOfLink } from "./links.ts";
import { userPrefixOf } from "./user-credentials.ts";

export interface ObjectAccessOptions {
  readonly signingKeys: SigningKeys;
  readonly bucket: string;
  readonly authorise: Authorise;
  readonly mayWrite: MayWrite;
  /** Keys of other kinds are not known. @default all */
  readonly kinds?: readonly AccessKeyKind[];
  /** Lets a run read objects. */
  readonly grant: (run: RunKey, uris: readonly string[]) => Promise<void>;
  /** Calls back when the identity ends or may do less; never for one that does not end. Returns a function that stops that. */
  readonly onEnd: (identity: Identity, end: () => void) => Promise<() => void>;
  /** Called before an attempt reads an object. */
  readonly onRead?: (attempt: AttemptKey) => void;
  readonly audit: Pick<ObjectAudit, "decide">;
}

/** What a key opens, besides the rules of who may do what. */
interface Rules extends Pick<S3Principal, "written"> {
  readonly name: string;
  readonly identity: Identity;
  /** What the identity needs a right to; undefined where the key does not open the object at all. @default the object */
  resource?(operation: S3Operation, key: string): Resource | undefined;
  /** Whether the key is for writing the object; asked where the identity may write it. @default it is */
  mayWrite?(key: string): Promise<boolean>;
  readonly onRead?: () => void;
}

export function createPrincipals(
  options: ObjectAccessOptions,
): (accessKeyId: string, by: Principal) => S3Principal | undefined {
  const rulesOf = (accessKey: AccessKey): Rules => {
    switch (accessKey.kind) {
      case "user":
        return rulesOfUser(userPrefixOf(accessKey));
      case "token":
        return rulesOfToken(accessKey.subject);
      case "reproduction":
        return rulesOfReproduction(reproductionOfName(accessKey.subject));
      case "attempt":
        return rulesOfAttempt(attemptOfName(accessKey.subject), options);
      case "link":
        return rulesOfLink(signerOfLink(accessKey.subject), options);
    }
  };
  return (accessKeyId, by) => {
    const accessKey = readAccessKey(options.signingKeys, accessKeyId);
    if (accessKey === undefined || options.kinds?.includes(accessKey.kind) === false) return undefined;
    const rules = rulesOf(accessKey);
    const { name, identity, resource = objectFor, mayWrite, onRead, written } = rules;
    return {
      name,
      secretAccessKey: accessKey.secretAccessKey,
      longestUrlSeconds: longestUrlSeconds(identity),
      onEnd: (end) => options.onEnd(identity, end),
      allows: (operation, key) => {
        return options.audit.decide(by, rules, { operation, key }, async () => {
          const asked = operation === "know" ? SERVER : resource(operation, key);
          if (asked === undefined) return false;
          await options.authorise({ ...by, who: name, identity }, RIGHTS[operation], asked);
          const isWrite = operation === "write" || operation === "delete";
          if (isWrite && mayWrite !== undefined && !(await mayWrite(key))) return false;
          if (operation === "read") onRead?.();
          return true;
        });
      },
      ...(written && { written }),
    };
  };
}

/** Of what a prefix begins, all is in the folder that it names or lies in; its end may be the beginning of other names. */
function objectFor(operation: S3Operation, key: string): Resource {
  const isPrefix = operation === "list";
  return { kind: "object", key: isPrefix ? key.slice(0, key.lastIndexOf("/") + 1) : key };
}

function rulesOfUser(prefix: string): Rules {
  return {
    name: `user of ${prefix === "" ? "all objects" : prefix}`,
    identity: EVERYONE,
    resource: (operation, key) => (key.startsWith(prefix) ? objectFor(operation, key) : undefined),
  };
}

function rulesOfToken(id: string): Rules {
  const identity = { kind: "token", id } as const;
  return { name: nameOf(identity), identity };
}

function rulesOfReproduction(of: ReproductionName): Rules {
  const identity = { kind: "reproduction", ...of } as const;
  return { name: nameOf(identity), identity };
}

function rulesOfAttempt(attempt: AttemptKey, { mayWrite, onRead }: ObjectAccessOptions): Rules {
  const identity = { kind: "attempt", key: attempt } as const;
  return {
    name: nameOf(identity),
    identity,
    mayWrite: (key) => mayWrite(attempt, key),
    ...(onRead && { onRead: () => onRead(attempt) }),
  };
}

/** The server has chosen the object; what remains to ask is whether the signer may still do such a thing. */
function rulesOfLink(identity: Identity, { bucket, grant }: ObjectAccessOptions): Rules {
  return {
    name: nameOf(identity),
    identity,
    resource: (operation, key) => {
      if (operation === "read") return { kind: "object", key };
      const [project = "", domain = ""] = key.split("/");
      return { kind: "place", key: { project, domain } };
    },
    ...(identity.kind === "attempt" && {
      // Only who has sent the content may read it: the name alone, which is made of the content's hash, opens nothing.
      written: (key) => grant(identity.key, [objectUri(bucket, key)]),
    }),
  };
}

/** Whoever may call the server at all. */
const SERVER: Resource = { kind: "server" };

const RIGHTS = {
  know: "read",
  read: "read",
  list: "read",
  write: "create",
  delete: "change",
} as const satisfies Record<S3Operation, Right>;
