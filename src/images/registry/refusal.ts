/** What a registry's answer, or its silence, means to the one who asked. */
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import { imageRepository, type ImageReference } from "../reference.ts";
import { isInsecure, type Registries } from "./registries.ts";

/** For a status other than success. */
export function refusal(
  image: ImageReference,
  status: number,
  answer: string,
  registries: Registries,
): BoxkiteError {
  const { host } = image;
  const name = `${imageRepository(image)}${image.digest ? `@${image.digest}` : `:${image.tag ?? "latest"}`}`;
  const said = registryWords(answer);
  if (status === 401 || status === 403) {
    const login =
      registries.get(host)?.login === undefined
        ? `log in with podman login ${host} (or docker login ${host}), or put its credentials under registries: in the settings file`
        : `the credentials are those of registries: ${host} in the settings file: check them, and what they may read`;
    return new BoxkiteError(
      "IMAGE_UNAUTHORIZED",
      `registry ${host} does not let us read ${name}: ${said ?? `status ${status}`}`,
      {
        hint: `${login}; a registry also says this of a repository that does not exist: check the name`,
      },
    );
  }
  if (status === 404) {
    return new BoxkiteError(
      "IMAGE_NOT_FOUND",
      `registry ${host} has no image ${name}: ${said ?? "status 404"}`,
      {
        hint: "check repository and tag, and that it was pushed: podman push NAME",
      },
    );
  }
  return unreachable(
    registries,
    host,
    said === undefined ? `it answered with status ${status}` : `${said} (status ${status})`,
  );
}

/** `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}` */
function registryWords(answer: string): string | undefined {
  try {
    const { errors } = JSON.parse(answer) as { errors?: { code?: string; message?: string }[] };
    const first = errors?.[0];
    return first === undefined ? undefined : first.message || first.code;
  } catch {
    return undefined;
  }
}

export function unreachable(
  registries: Registries,
  host: string,
  why: string,
  cause?: unknown,
): BoxkiteError {
  return new BoxkiteError("REGISTRY_UNREACHABLE", `registry ${host} cannot be asked: ${why}`, {
    cause,
    hint: tlsHint(host, codeOf(cause)) ?? contactHint(registries, host),
  });
}

/** Openssl's names for a certificate that no trusted authority signed. */
const UNTRUSTED = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
];
/** What a client of TLS says of an answer in plain HTTP. */
const NOT_TLS = ["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG", "EPROTO"];

function tlsHint(host: string, code: string): string | undefined {
  if (UNTRUSTED.includes(code))
    return `name the authority that signed its certificate in the settings file: registries: ${host}: ca-file`;
  if (NOT_TLS.includes(code))
    return `if it speaks plain HTTP, say so in the settings file: registries: ${host}: insecure: true`;
  return undefined;
}

function contactHint(registries: Registries, host: string): string {
  const name = host === "docker.io" ? "registry-1.docker.io" : host;
  const insecure = isInsecure(registries, host);
  const url = `${insecure ? "http" : "https"}://${name}/v2/`;
  const assumed = insecure && registries.get(host)?.insecure === undefined;
  const other = assumed
    ? `; if it has TLS, say so in the settings file: registries: ${host}: insecure: false`
    : "";
  return `is ${host} right, and reachable from this machine? Try: curl -i ${url}${other}`;
}

/** Some errors have their text in their code, or in the error behind them. */
export function causeOf(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === "TimeoutError")
    return `no answer within ${timeoutMs / 1000} s`;
  const cause = error instanceof Error ? error.cause : undefined;
  return messageOf(cause ?? error) || codeOf(error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
