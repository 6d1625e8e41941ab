/**
 * Encryption of objects at rest, as `x-amz-server-side-encryption: AES256` asks for: AES-256 in counter mode, with a key
 * for each file that is derived from the secret of the server's store and a random salt. It hides the content from whoever
 * has the files of the objects and not the store, such as a copy or a disk of theirs. The checksums of the blocks are
 * of what is on disk; nobody needs the key to find damage.
 */
import { createCipheriv, hkdfSync, randomBytes } from "node:crypto";
import { BoxkiteError } from "../../domain/errors.ts";

/** For one file that is written from its beginning to its end. */
export interface Sealing {
  /** In base64; kept with the file. */
  readonly salt: string;
  encrypt(chunk: Uint8Array): Uint8Array;
}

/** Decrypts a piece of one file; `position`: of its first byte, a multiple of 16. */
export type Unseal = (position: number, content: Uint8Array) => Uint8Array;

export interface Encryption {
  seal(): Sealing;
  unsealer(salt: string): Unseal;
}

const ALGORITHM = "aes-256-ctr";
const KEY_BYTES = 32;
const SALT_BYTES = 32;
const CIPHER_BLOCK_BYTES = 16;
const PURPOSE = "boxkite object";

/** Without a secret the methods throw INVALID_ARGUMENT. */
export function createEncryption(secret: string | undefined): Encryption {
  const keyOf = (salt: Buffer): Uint8Array => {
    if (secret === undefined)
      throw new BoxkiteError("INVALID_ARGUMENT", "this store of objects has no secret to encrypt with");
    return new Uint8Array(hkdfSync("sha256", secret, salt, PURPOSE, KEY_BYTES));
  };
  return {
    seal: () => {
      const salt = randomBytes(SALT_BYTES);
      const cipher = createCipheriv(ALGORITHM, keyOf(salt), counterAt(0));
      return { salt: salt.toString("base64"), encrypt: (chunk) => cipher.update(chunk) };
    },
    unsealer: (salt) => {
      const key = keyOf(Buffer.from(salt, "base64"));
      // In counter mode both directions are the same.
      return (position, content) => createCipheriv(ALGORITHM, key, counterAt(position)).update(content);
    },
  };
}

/** No key is used for two files, so that each counts from 0. */
function counterAt(position: number): Buffer {
  const counter = Buffer.alloc(CIPHER_BLOCK_BYTES);
  counter.writeBigUInt64BE(BigInt(position / CIPHER_BLOCK_BYTES), CIPHER_BLOCK_BYTES - 8);
  return counter;
}
