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

export const TRANSFER_FAILURES: readonly FailureRow<ErrorCode, TransferContext>[] = [
  ...STORAGE_FAILURES,
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
