/** Runs programs with the interpreter of an image, each in a container of its own that is removed afterwards. */
import { readOutputFrames, type LogFrame } from "../../containers/log-frames.ts";
import type { RunInImage } from "../../python-runtime/run-in-image.ts";
import { withProbeContainer, type ProbeContext } from "./image-probe-container.ts";

export interface ImageRunnerOptions extends Omit<ProbeContext, "signal"> {
  /** As the engine knows it; it is not pulled. */
  readonly image: string;
  /** The path in the image. */
  readonly interpreter: string;
}

export function createImageRunner({ image, interpreter, ...context }: ImageRunnerOptions): RunInImage {
  const { api, clock } = context;
  return async (program) => {
    const { arguments: args, mounts, timeoutMs: withinMs, maxOutputBytes, signal } = program;
    signal?.throwIfAborted();
    const container = { image, entrypoint: [interpreter], args, mounts, withinMs };
    return await withProbeContainer(context, container, async (id) => {
      let isLate = false;
      const kill = () => void api.killContainer(id, "KILL").catch(() => {});
      const timer = clock.timer(withinMs, () => {
        isLate = true;
        kill();
      });
      signal?.addEventListener("abort", kill, { once: true });
      try {
        const output = await api.attachContainer(id);
        const reading = readOutput(readOutputFrames(output), maxOutputBytes);
        try {
          // Nothing can be killed before.
          signal?.throwIfAborted();
          await api.startContainer(id);
          // An engine refuses to kill what is still being started.
          if (isLate || signal?.aborted === true) kill();
        } catch (error) {
          output.destroy();
          await reading.catch(() => {});
          throw error;
        }
        const { stdout, stderr } = await reading;
        const exitCode = await api.waitContainer(id);
        signal?.throwIfAborted();
        return { exitCode: isLate ? undefined : exitCode, stdout, stderr };
      } finally {
        timer.cancel();
        signal?.removeEventListener("abort", kill);
      }
    });
  };
}

/** Reads to the end, so that the program is not stopped by a full pipe. */
async function readOutput(
  frames: AsyncIterable<Pick<LogFrame, "stream" | "payload">>,
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
