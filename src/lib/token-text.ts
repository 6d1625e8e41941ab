/**
 * The text of an access token: `bkt_`, its id, its secret and a checksum, in letters and digits. So scanners for
 * leaked secrets find it by one pattern and tell it from other text without asking the server, and it can be part of a
 * path, of a header and of a shell's word as it is.
 */
import { createHash, randomBytes, randomInt } from "node:crypto";
import { crc32 } from "node:zlib";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX = "bkt_";
const ID_LENGTH = 8;
const SECRET_BYTES = 32;
/** Digits of 256 bits in base 62. */
const SECRET_LENGTH = 43;
/** Digits of 32 bits in base 62. */
const CHECKSUM_LENGTH = 6;
const LENGTH = PREFIX.length + ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH;

/** Every token in a text, for scanners and for redaction. */
export const TOKEN_PATTERN = new RegExp(
  `\\b${PREFIX}[0-9A-Za-z]{${ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH}}\\b`,
  "gu",
);

/** Of what the server signs and does not store: the tokens of tasks, and the local login secret. */
export const ATTEMPT_TOKEN_PREFIX = "bka.";
export const LOCAL_SECRET_PREFIX = "bkl.";
/** Of the program of a reproduction: kept in memory only. */
export const REPRODUCTION_TOKEN_PREFIX = "bkr.";

/** Every one of these in a text. */
export const SIGNED_TOKEN_PATTERN = /\bbk[alr]\.[\w-]{8,}(?:\.[\w-]+)?/gu;

export interface NewTokenText {
  readonly id: string;
  readonly text: string;
}

export function newTokenText(): NewTokenText {
  const id = Array.from({ length: ID_LENGTH }, () => DIGITS[randomInt(DIGITS.length)]).join("");
  const secret = BigInt(`0x${randomBytes(SECRET_BYTES).toString("hex")}`);
  const body = PREFIX + id + inBase62(secret, SECRET_LENGTH);
  return { id, text: body + checksum(body) };
}

/** Whether it is meant as a token. */
export function isTokenText(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** The id of the token that has this text; undefined where the text is not that of a token. */
export function idOfToken(text: string): string | undefined {
  if (text.length !== LENGTH || !isTokenText(text)) return undefined;
  const body = text.slice(0, -CHECKSUM_LENGTH);
  if (checksum(body) !== text.slice(-CHECKSUM_LENGTH)) return undefined;
  return body.slice(PREFIX.length, PREFIX.length + ID_LENGTH);
}

/**
 * What is stored of a token. One SHA-256 is enough, and a slow hash would only slow every call: slow hashes protect
 * passwords, which can be guessed, and nobody guesses 256 random bits.
 */
export function hashOfToken(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function checksum(text: string): string {
  return inBase62(BigInt(crc32(text)), CHECKSUM_LENGTH);
}

function inBase62(value: bigint, length: number): string {
  let digits = "";
  for (let rest = value; rest > 0n; rest /= 62n) digits = DIGITS[Number(rest % 62n)] + digits;
  return digits.padStart(length, "0");
}
