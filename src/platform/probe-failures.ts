/** Explains why containers cannot reach this machine, with hints. */
import { request } from "node:http";
import { BoxkiteError, type ErrorCode } from "../domain/errors.ts";
import type { EngineApi } from "../containers/api.ts";
import { ENGINE_START_FAILURES, type StartContext } from "../containers/failures/start.ts";
import { type FailureRow, findFailure } from "../lib/failure-table.ts";
import { LIVE_PATH, type ProbeOptions, type Trial, TRIAL_TIMEOUT_MS } from "./probe-container.ts";

interface UnreachableContext {
  readonly port: number;
  /** The distinct error codes of the candidates. */
  readonly codes: ReadonlySet<string | undefined>;
}

export const UNREACHABLE: readonly FailureRow<ErrorCode, UnreachableContext>[] = [
  {
    answers: { errno: ["TimeoutError", "UND_ERR_CONNECT_TIMEOUT", "EHOSTUNREACH"] },
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "never",
    what: () => "connections from containers are dropped, most likely by a firewall",
    hint: ({ port }) =>
      `allow them, e.g.: ufw allow in on podman0 to any port ${port}, or: firewall-cmd --zone=trusted --add-interface=podman0`,
    source: "connect(2), fetch of node",
  },
  {
    answers: { errno: ["ENOTFOUND"] },
    when: ({ codes }) => codes.size === 1,
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "never",
    what: () => "none of these names exists in a container",
    hint: () =>
      "is the engine's network of the usual kind? See its settings: podman network inspect podman, or: docker network inspect bridge",
    source: "getaddrinfo(3)",
  },
];

export function startsNothing({ engine }: EngineApi, reason: string): BoxkiteError {
  const context: StartContext = { engine, program: "node", reason, foreignPlatform: undefined };
  const hint = findFailure(ENGINE_START_FAILURES, { text: reason }, context)?.hint?.(context);
  return new BoxkiteError("ENGINE_FAILED", `${engine} starts no container: ${reason}`, {
    hint: hint ?? `this must work: ${engine} run --rm docker.io/library/debian:12-slim true`,
  });
}

export async function explainUnreachable(
  { api, port, network }: ProbeOptions,
  trials: readonly Trial[],
): Promise<BoxkiteError> {
  const list = trials.map(({ host, status, code }) => `${host}: ${code ?? `status ${status}`}`).join(", ");
  const message = `containers of ${api.engine} cannot reach this server at port ${port} (${list})`;
  const codes = new Set(trials.map(({ code }) => code));
  if (trials.some(({ status }) => status !== undefined)) {
    return new BoxkiteError("ENGINE_FAILED", message, {
      hint: `something else answers at port ${port}; choose another: --port`,
    });
  }
  const gateway = network.gateways[0];
  if (gateway !== undefined && (await asksHere(gateway, port)) === "refused") {
    return new BoxkiteError("ENGINE_FAILED", `${message}: the server does not listen at ${gateway}`, {
      hint: "on a network where everybody may do everything, let it listen everywhere: --host 0.0.0.0 --insecure-no-auth",
    });
  }
  const context = { port, codes };
  for (const errno of codes) {
    const row = findFailure(UNREACHABLE, { errno }, context);
    if (row === undefined) continue;
    return new BoxkiteError(row.code, `${message}: ${row.what?.(context)}`, { hint: row.hint?.(context) });
  }
  return new BoxkiteError("ENGINE_FAILED", message, {
    hint: "is the server's port right? On a network where everybody may do everything, try --host 0.0.0.0 --insecure-no-auth",
  });
}

/** The same request from this machine, to distinguish a firewall from a server that does not listen there. */
function asksHere(host: string, port: number): Promise<"answered" | "refused" | "other"> {
  return new Promise((resolveAsk) => {
    const sent = request({ host, port, path: LIVE_PATH, timeout: TRIAL_TIMEOUT_MS }, (response) => {
      response.resume();
      resolveAsk("answered");
    });
    sent.on("timeout", () => sent.destroy());
    sent.on("error", (error) =>
      resolveAsk("code" in error && error.code === "ECONNREFUSED" ? "refused" : "other"),
    );
    sent.end();
  });
}
