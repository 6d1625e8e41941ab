/** The audit of what S3 clients and signed links do with objects. */
import type { Identity, Principal } from "../../domain/principal.ts";
import type { S3Operation } from "../../objects/s3/principal.ts";
import type { S3Error } from "../../objects/s3/s3-error.ts";
import type { TokenReader } from "../../services/authorise/token.ts";
import type { AuditedCalls } from "./audited-calls.ts";
import { failureOf, type RecordedAs } from "./call-record.ts";

/** Who signed a request. */
export interface Signer {
  readonly name: string;
  readonly identity: Identity;
}

export interface ObjectAudit {
  /**
   * What `decide` gives, or throws, recorded for this object. Throws DISK_FULL or DATA_DIRECTORY_UNUSABLE where it could not
   * be recorded.
   */
  decide(
    by: Principal,
    signer: Signer,
    asked: { readonly operation: S3Operation; readonly key: string },
    decide: () => Promise<boolean>,
  ): Promise<boolean>;
  /** `name`: of the operation; `key`: empty for the bucket. */
  asked(by: Principal, name: string, key: string): void;
  refused(by: Principal, error: S3Error): void;
}

/** That there is a bucket is no data. */
const RECORDED_AS: Readonly<Record<S3Operation, RecordedAs>> = {
  know: undefined,
  read: "read",
  list: "read",
  write: "change",
  delete: "change",
};

const KINDS: Readonly<Record<S3Operation, string>> = {
  know: "server",
  read: "object",
  list: "objects",
  write: "object",
  delete: "object",
};

/** `tokens`: for their names, which access keys do not have. */
export function createObjectAudit(audited: AuditedCalls, tokens: TokenReader): ObjectAudit {
  return {
    decide: async (by, { name, identity }, { operation, key }, decide) => {
      const call = audited.of(by);
      if (call === undefined) return decide();
      const recordedAs = RECORDED_AS[operation];
      if (recordedAs !== undefined) audited.requireWritable();
      const token = identity.kind === "token" ? await tokens.find(identity.id) : undefined;
      call.identify(token?.name ?? name, identity);
      const on = { kind: KINDS[operation], key };
      try {
        const isAllowed = await decide();
        call.decided(recordedAs, on, isAllowed ? undefined : { code: "PERMISSION_DENIED", isDenial: true });
        return isAllowed;
      } catch (error) {
        call.decided(recordedAs, on, failureOf(error));
        throw error;
      }
    },
    asked: (by, name, key) => {
      const call = audited.of(by);
      if (call === undefined) return;
      call.call = `S3/${name}`;
      if (key !== "") call.asks({ kind: "object", key });
    },
    refused: (by, { code, message, status }) =>
      audited.of(by)?.fail({ code, message, isDenial: status === 401 || status === 403 }),
  };
}
