/** Why the engine could not pull an image. It gives only a text, which counts where the registry itself finds nothing wrong. */
import type { EngineApi } from "../../containers/api.ts";
import { CONTENT_FAILURES } from "../../containers/failures/transfer.ts";
import { authorityHint, plainHttpHint } from "../../containers/registry-access.ts";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import type { ResolvedImage } from "../../domain/image.ts";
import { parseImageReference } from "../../images/reference.ts";
import { isInsecure, type Registries } from "../../images/registry/registries.ts";
import { findFailure } from "../../lib/failure-table.ts";
import type { RegistryClient } from "../../images/registry/registry-client.ts";
import type { PullByCommand } from "./image-puller.ts";

export interface PullContext {
  readonly api: EngineApi;
  readonly registries: Registries;
  readonly pullByCommand: PullByCommand | undefined;
}

/** Whether it is known how to reach this registry, by the settings or as for loopback; the engine's API takes neither. */
export function hasOwnAccess(registries: Registries, host: string): boolean {
  return isInsecure(registries, host) || registries.get(host)?.caFile !== undefined;
}

/** The registry's error, if it has one; otherwise what the engine's text means, or ENGINE_FAILED. */
export async function explainPull(
  context: PullContext,
  registry: RegistryClient,
  image: ResolvedImage,
  error: unknown,
): Promise<unknown> {
  if (error instanceof BoxkiteError && error.code === "ENGINE_UNREACHABLE") return error;
  const { api } = context;
  const reference = parseImageReference(image.pinned);
  try {
    await registry.resolve(reference);
  } catch (reason) {
    return reason;
  }
  const text = messageOf(error);
  const transfer = { engine: api.engine, program: api.engine, host: reference.host };
  const row = findFailure(CONTENT_FAILURES, { text }, transfer);
  if (row !== undefined) {
    return new BoxkiteError(row.code, `${api.engine} could not pull ${image.pinned}: ${text}`, {
      hint: row.hint?.(transfer),
      recoverable: row.retry !== "never",
      cause: error,
    });
  }
  const command = `${api.engine} pull ${image.pinned}${trustHint(context, reference.host)}`;
  return new BoxkiteError("ENGINE_FAILED", `${api.engine} could not pull ${image.pinned}: ${text}`, {
    hint: `the registry answers Boxkite, so try: ${command}`,
    cause: error,
  });
}

/** What Boxkite knows of a registry by its settings, or assumes of loopback, and the engine does not. */
function trustHint({ api, registries, pullByCommand }: PullContext, host: string): string {
  if (pullByCommand !== undefined && hasOwnAccess(registries, host)) return "";
  if (isInsecure(registries, host)) return `; without TLS, ${plainHttpHint(api.engine, host)}`;
  return hasOwnAccess(registries, host) ? `; ${authorityHint(api.engine, host)}` : "";
}
