/** Who signs a request, and what they may touch. */
import type { Principal } from "../../domain/principal.ts";

/** `know`: that there is a bucket, and what it is called. */
export type S3Operation = "read" | "write" | "delete" | "list" | "know";

export interface S3Principal {
  /** For the log. */
  readonly name: string;
  readonly secretAccessKey: string;
  /** How long a URL that this key signs is valid at most, whatever it says. @default seven days, as S3 */
  readonly longestUrlSeconds?: number;
  /** May throw why not. For `list` the key is the prefix that was asked for, for `know` it is empty. */
  allows(operation: S3Operation, key: string): boolean | Promise<boolean>;
  /** Calls back when the key ends: what was opened with it must end, too. Returns a function that stops that. */
  onEnd?(end: () => void): Promise<() => void>;
  /** Called once the principal has written an object completely, before it is answered. */
  written?(key: string): Promise<void>;
}

/** `by`: the connection of the request. Undefined for an unknown access key. */
export type FindPrincipal = (
  accessKeyId: string,
  by: Principal,
) => S3Principal | undefined | Promise<S3Principal | undefined>;
