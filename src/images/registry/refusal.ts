/** Errors for a registry's error response, and for one that does not answer. */
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import { imageRepository, type ImageReference } from "../reference.ts";
import { errnoOf } from "../../lib/errno.ts";
import { findFailure } from "../../lib/failure-table.ts";
import { REGISTRY_CONNECTION_FAILURES, REGISTRY_ANSWERS } from "./failures.ts";
import { isInsecure, type Registries } from "./registries.ts";

/** For a status other than success. */
export function registryRefusal(
  image: ImageReference,
  status: number,
  answer: string,
  registries: Registries,
): BoxkiteError {
  const { host } = image;
  const name = `${imageRepository(image)}${image.digest ? `@${image.digest}` : `:${image.tag ?? "latest"}`}`;
  const message = registryMessage(answer);
  const why = message ?? `status ${status}`;
  const context = { registries, host };
  const row = findFailure(REGISTRY_ANSWERS, { status }, context);
  if (row === undefined) {
    return unreachable(
      registries,
      host,
      message === undefined ? `it answered with ${why}` : `${message} (status ${status})`,
    );
  }
  const verb = row.code === "IMAGE_UNAUTHORIZED" ? "does not let us read" : "has no image";
  return new BoxkiteError(row.code, `registry ${host} ${verb} ${name}: ${why}`, {
    hint: row.hint?.(context),
  });
}

/** `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}` */
function registryMessage(answer: string): string | undefined {
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
    hint:
      findFailure(REGISTRY_CONNECTION_FAILURES, { errno: errnoOf(cause) }, { registries, host })?.hint?.({
        registries,
        host,
      }) ?? contactHint(registries, host),
  });
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

/** Some errors have their text only in their code or in their cause. */
export function causeOf(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === "TimeoutError")
    return `no answer within ${timeoutMs / 1000} s`;
  const cause = error instanceof Error ? error.cause : undefined;
  return messageOf(cause ?? error) || (errnoOf(error) ?? "");
}
