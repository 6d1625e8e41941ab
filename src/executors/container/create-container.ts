/** Creates a container, with what it gets of this machine's settings. */
import { readFile } from "node:fs/promises";
import type { LogSink } from "../../domain/attempt.ts";
import { EngineResponseError } from "../../containers/http.ts";
import { rootArchive } from "../../containers/root-archive.ts";
import type { CreateResult } from "../../containers/types.ts";
import { CA_FILE } from "../../images/certificates.ts";
import { AttemptEnded } from "../attempt-machine.ts";
import type { AttemptObserver, AttemptSpec } from "../executor.ts";
import type { ContainerAttemptContext } from "./container-attempt.ts";
import { confine } from "./confinement.ts";
import { containerBody, type WorkerBody } from "./container-spec.ts";
import type { EngineRetry } from "./engine-retry.ts";
import { additionsFor, type Additions } from "./inherited.ts";
import { createIsolated } from "./oci-runtime.ts";
import { joinNetwork } from "./join-network.ts";
import { gatewayOf, withGateway } from "./network-fields.ts";
import type { NetworkMember } from "./network-member.ts";
import { startFailure } from "./start-failure.ts";

export interface CreateContext extends ContainerAttemptContext {
  readonly spec: AttemptSpec;
  readonly sink: LogSink;
  readonly observer: AttemptObserver;
  readonly name: string;
  /** On the networks of runs. */
  readonly member: NetworkMember;
  readonly retry: EngineRetry;
  /** Where it is the container of a worker. */
  readonly worker?: WorkerBody;
}

export async function createContainer(context: CreateContext, signal: AbortSignal): Promise<CreateResult> {
  const { settings, spec, name, networks, retry, worker } = context;
  const { isolation } = confine(spec, settings.policy);
  const create = async () => {
    const network = await joinNetwork(context);
    const additions = await readAdditions(context);
    const env = withGateway({ ...spec.env, ...additions?.env }, network);
    const body = containerBody({ ...spec, env }, { ...settings, network }, worker);
    const [created] = await Promise.all([
      createIsolated(context, isolation, name, body),
      // The firewall's rules may have been removed since the last one.
      network && networks?.guard(),
    ]);
    return created;
  };
  try {
    return await retry.run(create, signal, "tolerate");
  } catch (error) {
    if (!(error instanceof EngineResponseError) || error.status >= 500) throw error;
    // What the engine finds wrong with the request, it will find wrong again.
    const { engine } = settings;
    throw new AttemptEnded(
      startFailure(error, { spec, engine, notedExitCode: 0, foreignPlatform: undefined }),
    );
  }
}

/** Files that only this attempt may see; also into a container that was made before the server ended. */
export async function putSecretFiles(context: CreateContext, id: string, signal: AbortSignal): Promise<void> {
  const { api, spec, retry } = context;
  if (spec.secretFiles === undefined) return;
  const archive = await rootArchive({ files: spec.secretFiles });
  await retry.run(() => api.putArchive(id, archive), signal, "tolerate");
}

export async function putCertificates(
  context: CreateContext,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const { api, inherited, retry } = context;
  if (inherited.certificates === undefined) return;
  const archive = await rootArchive({ files: { [CA_FILE]: await readFile(inherited.certificates) } });
  await retry.run(() => api.putArchive(id, archive), signal, "tolerate");
}

/** An image that is not there has no variables; the container is not made without it anyway. */
export async function readAdditions(
  context: Pick<CreateContext, "api" | "inherited" | "networks" | "spec" | "serverHost" | "member">,
): Promise<Additions | undefined> {
  const { api, inherited, networks, spec, member } = context;
  if (Object.keys(inherited).length === 0) return undefined;
  const image = await api.inspectImage(spec.image.pinned);
  const serverHost = gatewayOf(networks?.of(member.name)) ?? context.serverHost;
  return additionsFor(inherited, { image: image?.env ?? {}, task: spec.env, serverHost });
}
