/** Who signs a request, and what they may touch. */
import type { Principal } from "../../domain/principal.ts";

export type S3Operation = "read" | "write" | "delete" | "list";

export interface S3Principal {
  /** For the log. */
  readonly name: string;
  readonly secretAccessKey: string;
  /** For `list` the key is the prefix that was asked for. */
  allows(operation: S3Operation, key: string): boolean | Promise<boolean>;
}

/** `by`: the connection of the request. Undefined for an unknown access key. */
export type FindPrincipal = (
  accessKeyId: string,
  by: Principal,
) => S3Principal | undefined | Promise<S3Principal | undefined>;
