/** Runs the engine's command line with this terminal. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { constants } from "node:os";
import { formatEngineAddress } from "../../containers/address.ts";
import type { EngineApi } from "../../containers/api.ts";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";

/** `-i`, and `-t` where there is a terminal. */
export function terminalFlags(): readonly string[] {
  return isTerminal() ? ["-i", "-t"] : ["-i"];
}

export function isTerminal(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY;
}

/** Resolves with the exit code, 128 and the number of the signal for one that a signal ended. Throws ENGINE_UNREACHABLE. */
export async function runOnTerminal(
  api: EngineApi,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { globalArgs, variables } = await reaching(api);
  const child = spawn(api.engine, [...globalArgs, ...args], {
    stdio: "inherit",
    env: { ...env, ...variables },
  });
  // Ctrl-C reaches every process of the terminal; what is to be done about it, the one in the container knows.
  const ignore = () => {};
  const forward = () => void child.kill("SIGTERM");
  process.on("SIGINT", ignore).on("SIGTERM", forward);
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + constants.signals[signal ?? "SIGTERM"];
  } catch (error) {
    throw new BoxkiteError("ENGINE_UNREACHABLE", `${api.engine} cannot be started: ${messageOf(error)}`, {
      cause: error,
      hint: `install the program ${api.engine} on this machine`,
    });
  } finally {
    process.off("SIGINT", ignore).off("SIGTERM", forward);
  }
}

/**
 * How the program reaches the engine that was found: it would search for one itself. Podman's service of the same user has
 * the same containers as its program, which attaches without the service.
 */
async function reaching({ engine, address }: EngineApi): Promise<{
  readonly globalArgs: readonly string[];
  readonly variables: NodeJS.ProcessEnv;
}> {
  const url = formatEngineAddress(address);
  if (engine === "docker") return { globalArgs: [], variables: { DOCKER_HOST: url } };
  const isOwn =
    address.kind === "unix" &&
    (await stat(address.socketPath).catch(() => undefined))?.uid === process.getuid?.();
  return { globalArgs: isOwn ? [] : ["--remote", "--url", url], variables: {} };
}
