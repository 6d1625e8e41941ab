/** What a container is created with that somebody starts on a terminal: all that an attempt of its task would get. */
import { readFile } from "node:fs/promises";
import { rootArchive } from "../../containers/root-archive.ts";
import type { EngineApi } from "../../containers/api.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { CA_FILE } from "../../images/certificates.ts";
import type { AttemptSpec } from "../executor.ts";
import type { Interactive, InteractiveContainer, InteractiveOptions } from "../interactive.ts";
import type { AdaptedAttempt, StartAdapter } from "../start-adapter.ts";
import { confine } from "./confinement.ts";
import { refusalContext, type ContainerAttemptContext } from "./container-attempt.ts";
import { containerBody, LABEL, type ContainerKind } from "./container-spec.ts";
import { readAdditions } from "./create-container.ts";
import { joinNetwork } from "./join-network.ts";
import { withGateway } from "./network-fields.ts";
import { runOwner } from "./network-member.ts";
import { refusal } from "./refusal.ts";

type Context = ContainerAttemptContext & { readonly adapter?: StartAdapter | undefined };

export function createInteractive(context: () => Context): Interactive {
  return {
    prepare: async ({ id, spec: asked, untilMs }, signal) => {
      const { settings, networks, inherited, api } = context();
      const refused = refusal(asked, refusalContext(context()));
      if (refused !== undefined)
        throw new BoxkiteError("INVALID_ARGUMENT", refused.message, { hint: refused.hint });
      await requireImage(context(), asked);
      signal.throwIfAborted();
      const { spec = asked, start } = (await adapted(context(), asked, signal)) ?? {};
      const member = { name: nameOf(id), owner: runOwner(spec.key) };
      const network = await joinNetwork({ ...context(), spec, member });
      const additions = await readAdditions({ ...context(), spec, member });
      const env = withGateway({ ...spec.env, ...additions?.env }, network);
      const body = containerBody({ ...spec, env }, { ...settings, network }) as Record<string, unknown>;
      await (network && networks?.guard());
      const { isolation } = confine(spec, settings.policy);
      return {
        engine: api.engine,
        name: nameOf(id),
        body: { ...body, Labels: { ...spec.labels, ...labelsOf(settings.instance, id, untilMs) } },
        ...(isolation !== undefined && { isolation }),
        ...(await archiveOf(inherited, spec)),
        archives: spec.archives ?? [],
        ...(start && { start }),
      };
    },
    release: async ({ id }) => {
      const { api, networks } = context();
      await api.removeContainer(nameOf(id));
      networks?.leave(nameOf(id));
    },
  };
}

/** Those that a server of this instance has left: their identities ended with it. */
export async function removeInteractive(api: EngineApi, instance: string): Promise<void> {
  const left = await api.listContainers([`${LABEL.instance}=${instance}`, LABEL.reproduction]);
  const own = left.filter(({ labels }) => labels[LABEL.kind] === "reproduction");
  await Promise.all(own.map(({ id }) => api.removeContainer(id)));
}

async function adapted(
  { adapter }: Context,
  spec: AttemptSpec,
  signal: AbortSignal,
): Promise<AdaptedAttempt | undefined> {
  return await adapter?.adapt(spec, { signal });
}

/** None without files: Docker unpacks nothing into a root that is read-only, not even an empty archive. */
async function archiveOf(
  { certificates }: Context["inherited"],
  { secretFiles }: AttemptSpec,
): Promise<Pick<InteractiveContainer, "archive">> {
  const files = {
    ...(certificates !== undefined && { [CA_FILE]: await readFile(certificates) }),
    ...secretFiles,
  };
  return Object.keys(files).length === 0 ? {} : { archive: await rootArchive({ files }) };
}

async function requireImage(
  { api, puller }: Context,
  { image, isTrusted = false }: AttemptSpec,
): Promise<void> {
  if ((await api.inspectImage(image.pinned)) === undefined) await puller.pull(image, isTrusted, () => {});
}

/** Not those of an attempt: nobody takes it for one. */
function labelsOf(instance: string, id: string, untilMs: number): Record<string, string> {
  return {
    [LABEL.kind]: "reproduction" satisfies ContainerKind,
    [LABEL.instance]: instance,
    [LABEL.reproduction]: id,
    [LABEL.reproductionUntil]: String(untilMs),
  };
}

function nameOf(id: InteractiveOptions["id"]): string {
  return `boxkite-reproduce-${id}`;
}
