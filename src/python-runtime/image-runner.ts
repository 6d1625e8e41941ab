/** Runs programs with the interpreter of an image, each in a container of its own that is removed afterwards. */
import { randomBytes } from "node:crypto";
import type { EngineApi } from "../containers/api.ts";
import { readLogFrames, type LogFrame } from "../containers/log-frames.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { ImageProgram, RunInImage } from "./run-in-image.ts";

export interface ImageRunnerOptions {
  readonly api: EngineApi;
  /** As the engine knows it; it is not pulled. */
  readonly image: string;
  /** The path in the image. */
  readonly interpreter: string;
  /** By which containers are found that a killed server left. */
  readonly labels: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

export function createImageRunner({
  api,
  image,
  interpreter,
  labels,
  clock,
}: ImageRunnerOptions): RunInImage {
  const create = async (program: ImageProgram): Promise<string> => {
    const created = await api.createContainer(`boxkite-check-${randomBytes(8).toString("hex")}`, {
      Image: image,
      Entrypoint: [interpreter],
      Cmd: program.arguments,
      Labels: labels,
      HostConfig: {
        NetworkMode: "none",
        LogConfig: { Type: "none", Config: {} },
        Binds: program.mounts.map(({ source, target }) => `${source}:${target}:ro`),
        CapDrop: ["ALL"],
        // The SELinux labels of the runtime's files, which all images share, must not be changed.
        SecurityOpt: ["no-new-privileges", "label=disable"],
      },
    });
    if (created.kind === "created") return created.id;
    throw created.kind === "image_missing"
      ? new BoxkiteError("IMAGE_NOT_FOUND", `the engine does not have the image ${image}`, {
          hint: `pull it: ${api.engine} pull ${image}`,
        })
      : new BoxkiteError("ENGINE_FAILED", "the container of the check exists already");
  };

  const start = async (id: string, signal: AbortSignal | undefined): Promise<void> => {
    // Nothing can be killed before.
    signal?.throwIfAborted();
    await api.startContainer(id);
  };

  return async (program) => {
    program.signal?.throwIfAborted();
    const id = await create(program);
    let isLate = false;
    const kill = () => void api.killContainer(id, "KILL").catch(() => {});
    const timer = clock.timer(program.timeoutMs, () => {
      isLate = true;
      kill();
    });
    program.signal?.addEventListener("abort", kill, { once: true });
    try {
      const output = await api.attachContainer(id);
      const reading = readOutput(readLogFrames(output), program.maxOutputBytes);
      await start(id, program.signal).catch(async (error: unknown) => {
        output.destroy();
        await reading.catch(() => {});
        throw error;
      });
      const { stdout, stderr } = await reading;
      const exitCode = await api.waitContainer(id);
      program.signal?.throwIfAborted();
      return { exitCode: isLate ? undefined : exitCode, stdout, stderr };
    } finally {
      timer.cancel();
      program.signal?.removeEventListener("abort", kill);
      await api.removeContainer(id);
    }
  };
}

/** Reads to the end, so that the program is not stopped by a full pipe. */
async function readOutput(
  frames: AsyncIterable<LogFrame>,
  maxBytes: number,
): Promise<Readonly<Record<LogFrame["stream"], string>>> {
  const parts: Record<LogFrame["stream"], Buffer[]> = { stdout: [], stderr: [] };
  const sizes = { stdout: 0, stderr: 0 };
  for await (const { stream, payload } of frames) {
    sizes[stream] += payload.length;
    if (sizes[stream] <= maxBytes) parts[stream].push(payload);
  }
  return {
    stdout: Buffer.concat(parts.stdout).toString(),
    stderr: Buffer.concat(parts.stderr).toString(),
  };
}
