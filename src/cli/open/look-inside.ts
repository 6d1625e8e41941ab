/** A container of an image that is created, never started, and removed: by it an engine shows the image's files. */
import { randomBytes } from "node:crypto";
import type { EngineApi } from "../../containers/api.ts";
import { LABEL } from "../../executors/container/container-spec.ts";
import { systemClock } from "../../lib/clock.ts";

/** For the copy of a working directory. */
const LIFETIME_MS = 600_000;

export async function withFilesOf<T>(
  api: EngineApi,
  image: string,
  use: (id: string) => Promise<T>,
): Promise<T> {
  const name = `boxkite-files-${randomBytes(6).toString("hex")}`;
  const created = await api.createContainer(name, {
    Image: image,
    Cmd: ["true"],
    // What a killed command leaves is removed as the containers of checks are.
    Labels: { [LABEL.kind]: "probe", [LABEL.probeUntil]: String(systemClock.now() + LIFETIME_MS) },
    HostConfig: { NetworkMode: "none" },
  });
  if (created.kind !== "created") throw new Error(`no container of ${image} can be created: ${created.kind}`);
  try {
    return await use(created.id);
  } finally {
    await api.removeContainer(created.id);
  }
}
