/** Why the engine could not pull an image. It gives only a text; the registry itself says by status what is wrong. */
import type { EngineApi } from "../../containers/api.ts";
import { authorityHint, plainHttpHint } from "../../containers/registry-access.ts";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import type { ResolvedImage } from "../../domain/image.ts";
import { parseImageReference } from "../../images/reference.ts";
import { isInsecure, type Registries } from "../../images/registry/registries.ts";
import type { RegistryClient } from "../../images/registry/registry-client.ts";
import type { PullByCommand } from "./image-puller.ts";

export interface PullContext {
  readonly api: EngineApi;
  readonly registry: RegistryClient;
  readonly registries: Registries;
  readonly pullByCommand: PullByCommand | undefined;
}

/** Whether the settings say how to reach this registry, which the engine's API cannot be told. */
export function hasOwnAccess(registries: Registries, host: string): boolean {
  const { insecure, caFile } = registries.get(host) ?? {};
  return insecure === true || caFile !== undefined;
}

/** The registry's error, if it has one; otherwise ENGINE_UNREACHABLE or ENGINE_FAILED. */
export async function explainPull(
  context: PullContext,
  image: ResolvedImage,
  error: unknown,
): Promise<unknown> {
  if (error instanceof BoxkiteError && error.code === "ENGINE_UNREACHABLE") return error;
  const { api, registry } = context;
  const reference = parseImageReference(image.pinned);
  try {
    await registry.resolve(reference);
  } catch (reason) {
    return reason;
  }
  const command = `${api.engine} pull ${image.pinned}${trustHint(context, reference.host)}`;
  return new BoxkiteError(
    "ENGINE_FAILED",
    `${api.engine} could not pull ${image.pinned}: ${messageOf(error)}`,
    { hint: `the registry answers Boxkite, so try: ${command}`, cause: error },
  );
}

/** What Boxkite knows of a registry by its settings, or assumes of loopback, and the engine does not. */
function trustHint({ api, registries, pullByCommand }: PullContext, host: string): string {
  if (pullByCommand !== undefined && hasOwnAccess(registries, host)) return "";
  if (isInsecure(registries, host)) return `; without TLS, ${plainHttpHint(api.engine, host)}`;
  return hasOwnAccess(registries, host) ? `; ${authorityHint(api.engine, host)}` : "";
}
