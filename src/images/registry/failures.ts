/** Registries' error responses, and failures of connections to them. */
import type { ErrorCode } from "../../domain/errors.ts";
import type { FailureRow } from "../../lib/failure-table.ts";
import type { Registries } from "./registries.ts";

export interface RegistryContext {
  readonly registries: Registries;
  readonly host: string;
}

type RegistryRow = FailureRow<ErrorCode, RegistryContext>;

/** By status; every other status is reported as an unreachable registry. */
export const REGISTRY_ANSWERS: readonly RegistryRow[] = [
  {
    answers: { status: [401, 401] },
    code: "IMAGE_UNAUTHORIZED",
    kind: "user",
    retry: "never",
    hint: loginHint,
    source: "OCI distribution specification: UNAUTHORIZED",
  },
  {
    answers: { status: [403, 403] },
    code: "IMAGE_UNAUTHORIZED",
    kind: "user",
    retry: "never",
    hint: loginHint,
    source: "OCI distribution specification: DENIED",
  },
  {
    answers: { status: [404, 404] },
    code: "IMAGE_NOT_FOUND",
    kind: "user",
    retry: "never",
    hint: () => "check repository and tag, and that it was pushed: podman push NAME",
    source: "OCI distribution specification: MANIFEST_UNKNOWN, NAME_UNKNOWN",
  },
];

export const REGISTRY_CONNECTION_FAILURES: readonly RegistryRow[] = [
  {
    answers: {
      errno: [
        "DEPTH_ZERO_SELF_SIGNED_CERT",
        "SELF_SIGNED_CERT_IN_CHAIN",
        "UNABLE_TO_GET_ISSUER_CERT",
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      ],
    },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    hint: ({ host }) =>
      `name the authority that signed its certificate in the settings file: registries: ${host}: ca-file`,
    source: "OpenSSL, for a certificate that no trusted authority signed",
  },
  {
    answers: { errno: ["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG", "EPROTO"] },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    hint: ({ host }) =>
      `if it speaks plain HTTP, say so in the settings file: registries: ${host}: insecure: true`,
    source: "OpenSSL, for an answer in plain HTTP",
  },
];

function loginHint({ registries, host }: RegistryContext): string {
  const login =
    registries.get(host)?.login === undefined
      ? `log in with podman login ${host} (or docker login ${host}), or put its credentials under registries: in the settings file`
      : `the credentials are those of registries: ${host} in the settings file: check them, and what they may read`;
  return `${login}; a registry also says this of a repository that does not exist: check the name`;
}
