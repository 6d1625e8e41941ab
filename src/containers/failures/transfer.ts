/** Why an engine cannot pull or push. It reports only text: the registry's, or that of its own HTTP client. */
import type { ErrorCode } from "../../domain/errors.ts";
import type { FailureRow } from "../../lib/failure-table.ts";
import { authorityHint, plainHttpHint } from "../registry-access.ts";
import type { EngineName } from "../types.ts";
import { STORAGE_FAILURES } from "./storage.ts";

export interface TransferContext {
  readonly engine: EngineName;
  /** The name or path of its executable. */
  readonly program: string;
  /** Of the registry. */
  readonly host: string;
}

type TransferRow = FailureRow<ErrorCode, TransferContext>;

/** Of an image that is there and may be read: these count even where the registry answers Boxkite. */
export const CONTENT_FAILURES: readonly TransferRow[] = [
  {
    answers: { text: /no space left on device|disk quota exceeded/i },
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "never",
    hint: () =>
      "The engine's disk is full. Free space: boxkite images prune, or the engine's own image prune.",
    source: "ENOSPC, EDQUOT",
  },
  {
    answers: { text: /toomanyrequests|too many requests|\b429\b/i },
    code: "REGISTRY_RATE_LIMITED",
    kind: "system",
    retry: "later",
    hint: ({ program, host }) =>
      `Registries allow more with a login: ${program} login ${host}; or wait and run again.`,
    source: "OCI distribution specification, error code TOOMANYREQUESTS; RFC 6585",
  },
  {
    answers: { text: /blob unknown|unknown blob|blob not found|fetching blob: .*\b404\b/i },
    code: "IMAGE_NOT_FOUND",
    kind: "user",
    retry: "never",
    hint: () => "The registry has the image only in part: push it again.",
    source: "OCI distribution specification, error code BLOB_UNKNOWN",
  },
  {
    answers: {
      text: /digest did not match|digest mismatch|verification failed for digest|invalid checksum|gzip: invalid|unexpected EOF/i,
    },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "later",
    hint: () =>
      "A part of the image arrived damaged: the registry's storage is, or a proxy in between changes or cuts responses. Push the image again if it stays.",
    source: "containers/image of Podman; moby/distribution",
  },
  {
    answers: { text: /unexpected HTTP status: 5\d\d|status code (?:from registry )?5\d\d/i },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "later",
    hint: ({ host }) =>
      `${host} can be reached, but it or a gateway in front of it fails: see its log or its status page.`,
    source: "containers/image of Podman; moby/distribution",
  },
];

export const TRANSFER_FAILURES: readonly TransferRow[] = [
  ...STORAGE_FAILURES,
  ...CONTENT_FAILURES,
  {
    answers: {
      text: /unauthorized|authentication required|access denied|denied:|no basic auth|forbidden/i,
    },
    code: "IMAGE_UNAUTHORIZED",
    kind: "user",
    retry: "never",
    hint: ({ program, host }) =>
      `Log in on the server's machine: ${program} login ${host}; or put credentials under registries: in the settings file.`,
    source: "OCI distribution specification, error codes UNAUTHORIZED and DENIED",
  },
  {
    answers: { text: /no image found in (image index|manifest list)|no matching manifest/i },
    code: "IMAGE_WRONG_PLATFORM",
    kind: "user",
    retry: "never",
    hint: () => "Publish the image for this machine's architecture too.",
    source: "containers/image of Podman; Docker",
  },
  {
    answers: { text: /manifest unknown|name unknown|not found|does not exist/i },
    code: "IMAGE_NOT_FOUND",
    kind: "user",
    retry: "never",
    hint: ({ program }) => `Check the name and the tag; ${program} pull shows the same.`,
    source: "OCI distribution specification, error codes MANIFEST_UNKNOWN and NAME_UNKNOWN",
  },
  {
    answers: { text: /server gave HTTP response to HTTPS client/i },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    hint: ({ engine, host }) => `The registry speaks plain HTTP: ${plainHttpHint(engine, host)}.`,
    source: "Go's net/http, in both engines",
  },
  {
    answers: { text: /x509|certificate/i },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    hint: ({ engine, host }) => `The registry's certificate is not trusted: ${authorityHint(engine, host)}.`,
    source: "Go's crypto/x509, in both engines",
  },
  {
    answers: {
      text: /connection refused|no such host|timeout|timed out|dial tcp|unreachable|EOF|reset by peer|pinging container registry/i,
    },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "later",
    hint: () => "Check that the registry runs and that the machine can reach it.",
    source: "Go's net, in both engines; containers/image of Podman",
  },
];
