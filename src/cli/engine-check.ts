/** How `boxkite doctor` checks a container engine: it starts a container, which has to reach this machine. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { ContainerConnections } from "../domain/auth-mode.ts";
import type { Advice, Platform } from "../platform/platform.ts";
import { choosePlatform } from "../platform/choose.ts";
import { silentLogger } from "../lib/log.ts";

export interface EngineCheck {
  /** Whether runs will work on it; advice may be there all the same. */
  readonly ok: boolean;
  readonly text: string;
  readonly hint?: string | undefined;
  readonly advice: readonly Advice[];
  /** How connections of its containers arrive, where that is known. */
  readonly containerConnections?: ContainerConnections | undefined;
}

export async function checkEngine(name: "podman" | "docker", env: NodeJS.ProcessEnv): Promise<EngineCheck> {
  let platform: Platform;
  try {
    platform = await choosePlatform({ engine: name, python: undefined }, env);
  } catch (error) {
    return failure(error);
  }
  try {
    const executor = await platform.createExecutor({
      instance: "doctor",
      dataDirectory: "",
      log: silentLogger,
    });
    await executor.close();
    const { summary, advice } = platform.engineReport;
    const [reached, builder] = await Promise.all([tryContainer(platform), checkBuilder(platform)]);
    return {
      ...reached,
      containerConnections: platform.containerConnections,
      text: [summary, reached.text, ...builder.facts].join("; "),
      advice: [...advice, ...builder.advice],
    };
  } catch (error) {
    return failure(error);
  } finally {
    await platform.close();
  }
}

function failure(error: unknown): EngineCheck {
  const hint = error instanceof BoxkiteError ? error.hint : undefined;
  return { ok: false, text: messageOf(error), hint, advice: [] };
}

async function tryContainer(platform: Platform): Promise<EngineCheck> {
  const server = createServer((_request, response) => response.end("ok"));
  await new Promise<void>((resolve) => server.listen(0, platform.listenAt, resolve));
  try {
    const result = await platform.probe((server.address() as AddressInfo).port);
    if (result?.note !== undefined)
      return { ok: true, text: `no container was tried: ${result.note}`, advice: [] };
    const host = result?.endpoint.replace(/:\d+$/, "");
    return { ok: true, text: `a container reached this machine at ${host}`, advice: [] };
  } catch (error) {
    return failure(error);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Runs work without builds: what is missing for those is advice. */
async function checkBuilder(
  platform: Platform,
): Promise<{ readonly facts: readonly string[]; readonly advice: readonly Advice[] }> {
  try {
    const tools = await platform.createImageTools?.();
    if (tools === undefined) return { facts: [], advice: [] };
    const { builder } = tools;
    return { facts: [`builds with ${builder.description}`], advice: builder.mounts ? [] : [NO_MOUNTS] };
  } catch (error) {
    const hint = error instanceof BoxkiteError ? error.hint : undefined;
    return { facts: [], advice: [{ what: `images cannot be built: ${messageOf(error)}`, hint }] };
  }
}

const NO_MOUNTS: Advice = {
  what: "the classic builder has no RUN --mount: layers with requirements, wheels, projects or secrets are refused",
  hint: "install BuildKit for docker's command line: apt install docker-buildx, or docker-buildx-plugin of Docker's own packages; or: boxkite up --engine podman",
};
