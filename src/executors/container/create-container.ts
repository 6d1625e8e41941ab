/** Creates a container, with what it gets of this machine's settings. */
import { readFile } from "node:fs/promises";
import type { LogSink } from "../../domain/attempt.ts";
import { EngineResponseError } from "../../containers/http.ts";
import { rootArchive } from "../../containers/root-archive.ts";
import type { CreateResult } from "../../containers/types.ts";
import { CA_FILE } from "../../images/certificates.ts";
import { AttemptOver } from "../attempt-machine.ts";
import type { AttemptObserver, AttemptSpec } from "../executor.ts";
import type { ContainerAttemptContext } from "./container-attempt.ts";
import { containerBody } from "./container-spec.ts";
import type { EnginePatience } from "./engine-patience.ts";
import { additionsFor, type Additions } from "./inherited.ts";
import { startFailure } from "./start-failure.ts";

export interface Making extends ContainerAttemptContext {
  readonly spec: AttemptSpec;
  readonly sink: LogSink;
  readonly observer: AttemptObserver;
  readonly name: string;
  readonly patience: EnginePatience;
}

export async function createContainer(making: Making, signal: AbortSignal): Promise<CreateResult> {
  const { api, settings, spec, name, patience } = making;
  const create = async () => {
    const additions = await readAdditions(making);
    return api.createContainer(
      name,
      containerBody({ ...spec, env: { ...spec.env, ...additions?.env } }, settings),
    );
  };
  try {
    return await patience.ask(create, signal, "tolerate");
  } catch (error) {
    if (!(error instanceof EngineResponseError) || error.status >= 500) throw error;
    // What the engine finds wrong with the request, it will find wrong again.
    const { engine } = settings;
    throw new AttemptOver(
      startFailure(error, { spec, engine, notedExitCode: 0, foreignPlatform: undefined }),
    );
  }
}

/** Files that only this attempt may see; also into a container that was made before the server ended. */
export async function putSecretFiles(making: Making, id: string, signal: AbortSignal): Promise<void> {
  const { api, spec, patience } = making;
  if (spec.secretFiles === undefined) return;
  const archive = await rootArchive({ files: spec.secretFiles });
  await patience.ask(() => api.putArchive(id, archive), signal, "tolerate");
}

/** Also for a container that was made before the server ended: what was reported then may not have been recorded. */
export async function giveInherited(making: Making, id: string, signal: AbortSignal): Promise<void> {
  const { api, inherited, clock, patience, observer, sink } = making;
  const additions = await patience.ask(() => readAdditions(making), signal, "throw");
  if (additions === undefined) return;
  if (inherited.certificates !== undefined) {
    const archive = await rootArchive({ files: { [CA_FILE]: await readFile(inherited.certificates) } });
    await patience.ask(() => api.putArchive(id, archive), signal, "tolerate");
  }
  if (signal.aborted) return;
  observer.progress(additions.note);
  sink.write("system", additions.note, clock.now());
}

/** An image that is not there has no variables; the container is not made without it anyway. */
async function readAdditions(making: Making): Promise<Additions | undefined> {
  const { api, inherited, serverHost, spec } = making;
  if (Object.keys(inherited).length === 0) return undefined;
  const image = await api.inspectImage(spec.image.pinned);
  return additionsFor(inherited, { image: image?.env ?? {}, task: spec.env, serverHost });
}
