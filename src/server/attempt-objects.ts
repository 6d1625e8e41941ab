/**
 * Reads the inputs of attempts and stores their results in their place: as if each had asked the object endpoint itself, with
 * its own key, so that it has the same rights and the audit log the same lines.
 */
import type { AttemptKey } from "../domain/attempt.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import type { AttemptObjects } from "../executors/executor.ts";
import type { HostedStore } from "../objects/hosted-store.ts";
import type { FindPrincipal, S3Operation } from "../objects/s3/principal.ts";
import { credentialsOf } from "../orchestrator/access-keys.ts";
import type { ObjectsOf } from "../orchestrator/attempts.ts";
import type { SigningKeys } from "../orchestrator/signing-keys.ts";
import { keyOfUri } from "../services/object-keys.ts";
import type { AuditedCalls } from "./audit/audited-calls.ts";
import { failureOf } from "./audit/call-record.ts";
import { nameOf } from "./authenticate.ts";

export interface AttemptObjectsOptions {
  readonly objects: Pick<HostedStore, "open" | "put">;
  readonly bucket: string;
  readonly signingKeys: SigningKeys;
  /** Does not report reads. */
  readonly principals: FindPrincipal;
  readonly audited: AuditedCalls;
  /** The runtime of the attempt has its inputs. */
  readonly onRead: (attempt: AttemptKey) => void;
  readonly onWritten: (key: string, bytes: number) => void;
}

export function createAttemptObjects(options: AttemptObjectsOptions): (attempt: ObjectsOf) => AttemptObjects {
  const { objects, bucket, audited } = options;
  const isAllowed = async (attempt: AttemptKey, by: Principal, operation: S3Operation, key: string) => {
    const { accessKeyId } = credentialsOf(options.signingKeys, attempt);
    const principal = await options.principals(accessKeyId, by);
    return (await principal?.allows(operation, key)) ?? false;
  };
  /** Throws PERMISSION_DENIED, or why the attempt has no rights any more. */
  const asAttempt = async <T>(
    attempt: AttemptKey,
    {
      name,
      operation,
      key,
    }: { readonly name: string; readonly operation: S3Operation; readonly key: string },
    work: () => Promise<T>,
  ): Promise<T> => {
    const identity = { kind: "attempt", key: attempt } as const;
    const by: Principal = { who: nameOf(identity), client: "", from: "", identity };
    const call = audited.begin(by, `S3/${name}`, undefined);
    try {
      if (!(await isAllowed(attempt, by, operation, key))) {
        throw new BoxkiteError("PERMISSION_DENIED", `${by.who} may not ${operation} the object ${key}`, {
          hint: "a task reads what its run was given, and writes below its own prefix",
        });
      }
      return await work();
    } catch (error) {
      call.fail(failureOf(error));
      throw error;
    } finally {
      audited.end(call);
    }
  };
  return ({ key: attempt, inputUri, outputPrefix }) => ({
    readInputs: async (mostBytes) => {
      const key = keyOfUri(inputUri, bucket);
      return asAttempt(attempt, { name: "GetObject", operation: "read", key }, async () => {
        const object = await objects.open(key);
        if (object === undefined) throw new BoxkiteError("OBJECT_NOT_FOUND", `there is no object ${key}`);
        if (object.info.size <= mostBytes) return await object.content();
        await object.close();
        return undefined;
      });
    },
    inputsTaken: () => options.onRead(attempt),
    writeResult: async (name, content) => {
      const key = keyOfUri(`${outputPrefix}/${name}`, bucket);
      await asAttempt(attempt, { name: "PutObject", operation: "write", key }, async () => {
        const { size } = await objects.put(key, content);
        options.onWritten(key, size);
      });
    },
  });
}
