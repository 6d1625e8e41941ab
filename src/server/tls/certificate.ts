/**
 * Makes certificates (RFC 5280): an authority, and a server's certificate that it signs. Node reads certificates and
 * makes keys and signatures, but makes no certificates; a program such as openssl is not on every machine.
 */
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";
import {
  bitString,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tagged,
  time,
  TRUE,
  utf8String,
} from "./der.ts";

/** A certificate in PEM, with its key. */
export interface Issued {
  readonly certificate: string;
  readonly key: KeyObject;
}

export interface Validity {
  /** Milliseconds since the epoch, as `notAfterMs`. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface ServerCertificate extends Validity {
  readonly authority: Issued;
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
}

/** Clients compare the names and addresses in the extension; these are for people. */
const AUTHORITY_NAME = "Boxkite's own authority";
const SERVER_NAME = "Boxkite server";

const OID = {
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
} as const;

/** Bits of keyUsage (RFC 5280, section 4.2.1.3), the first one leftmost. */
const SIGNS_CERTIFICATES = bitString(Buffer.from([0b0000_0110]), 1);
const SIGNS_HANDSHAKES = bitString(Buffer.from([0b1000_0000]), 7);

const SIGNATURE = sequence(objectIdentifier(OID.ecdsaWithSha256));

/** An authority that signs server certificates, and no other authorities. */
export function makeAuthority(validity: Validity): Issued {
  const { publicKey, privateKey } = newKeys();
  const name = distinguishedName(AUTHORITY_NAME);
  const extensions = [
    extension(OID.basicConstraints, sequence(TRUE, integer(Buffer.from([0]))), true),
    extension(OID.keyUsage, SIGNS_CERTIFICATES, true),
    extension(OID.subjectKeyIdentifier, octetString(keyIdentifier(publicKey))),
  ];
  const certificate = signed({ issuer: name, subject: name, publicKey, extensions, ...validity }, privateKey);
  return { certificate, key: privateKey };
}

/** `authority` was made by `makeAuthority`. */
export function makeServerCertificate({ authority, names, ...validity }: ServerCertificate): Issued {
  const { publicKey, privateKey } = newKeys();
  const extensions = [
    extension(OID.basicConstraints, sequence(), true),
    extension(OID.keyUsage, SIGNS_HANDSHAKES, true),
    extension(OID.extendedKeyUsage, sequence(objectIdentifier(OID.serverAuth))),
    extension(OID.subjectAltName, sequence(...names.map(generalName))),
    extension(OID.subjectKeyIdentifier, octetString(keyIdentifier(publicKey))),
    extension(OID.authorityKeyIdentifier, sequence(tagged(0, keyIdentifier(authority.key), false))),
  ];
  const issuer = distinguishedName(AUTHORITY_NAME);
  const subject = distinguishedName(SERVER_NAME);
  const certificate = signed({ issuer, subject, publicKey, extensions, ...validity }, authority.key);
  return { certificate, key: privateKey };
}

/** P-256, which every client of TLS 1.2 and 1.3 knows. */
function newKeys(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "prime256v1" });
}

interface Content extends Validity {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

function signed(content: Content, key: KeyObject): string {
  const { issuer, subject, publicKey, extensions, notBeforeMs, notAfterMs } = content;
  const body = sequence(
    // Version 3.
    tagged(0, integer(Buffer.from([2])), true),
    integer(serialNumber()),
    SIGNATURE,
    issuer,
    sequence(time(notBeforeMs), time(notAfterMs)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    tagged(3, sequence(...extensions), true),
  );
  const der = sequence(body, SIGNATURE, bitString(sign("sha256", body, key)));
  const lines = der.toString("base64").match(/.{1,64}/gu) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

/** Positive and without leading zeros. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes;
}

function distinguishedName(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier(OID.commonName), utf8String(commonName))));
}

function extension(oid: string, value: Buffer, isCritical = false): Buffer {
  return sequence(objectIdentifier(oid), ...(isCritical ? [TRUE] : []), octetString(value));
}

/** The same for a private key and its public one. */
function keyIdentifier(key: KeyObject): Buffer {
  const { x = "", y = "" } = key.export({ format: "jwk" });
  return createHash("sha256").update(`${x}.${y}`).digest().subarray(0, 20);
}

/** RFC 5280, section 4.2.1.6: 2 is a DNS name, 7 an address as its bytes. */
function generalName(name: string): Buffer {
  if (isIPv4(name)) return tagged(7, Buffer.from(name.split(".").map(Number)), false);
  if (isIPv6(name)) return tagged(7, bytesOfIPv6(name), false);
  return tagged(2, Buffer.from(name, "latin1"), false);
}

function bytesOfIPv6(address: string): Buffer {
  // A URL writes it without the short form of IPv4 at its end.
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = "", tail] = plain.split("::");
  const groups = (part: string) => part.split(":").filter(Boolean);
  const before = groups(head);
  const after = groups(tail ?? "");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join(""), "hex");
}
