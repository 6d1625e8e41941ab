/** An engine that starts no container at all, in words that say what to change. */
import { BoxkiteError } from "../domain/errors.ts";
import type { EngineApi } from "./api.ts";

const PODMAN_FILE =
  "~/.config/containers/containers.conf (root: /etc/containers/containers.conf), or a file that CONTAINERS_CONF names";

/** What was seen on real machines; the first that fits. Podman and Docker differ in where it is set. */
const CAUSES: readonly [RegExp, podman: string, docker: string][] = [
  [
    /setting rlimit/i,
    `this user may not raise limits that far; in ${PODMAN_FILE}: [containers] default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]`,
    `this machine does not let limits be raised that far; in /etc/docker/daemon.json: "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 1024}}`,
  ],
  [/\/dev\/net\/tun.*permission denied/i, "let users open it: chmod 666 /dev/net/tun", ""],
  [
    /crun.*cgroup|cgroup.*crun/i,
    `use runc: apt install runc, and in ${PODMAN_FILE}: [engine] runtime = "runc"`,
    "",
  ],
];

/** What to change where the engine itself, not what it was asked to start, is at fault; undefined for the rest. */
export function remedyFor(engine: EngineApi["engine"], reason: string): string | undefined {
  const [, podman, docker] = CAUSES.find(([pattern]) => pattern.test(reason)) ?? [];
  return (engine === "podman" ? podman : docker) || undefined;
}

export function startTrouble({ engine }: EngineApi, reason: string): BoxkiteError {
  return new BoxkiteError("ENGINE_FAILED", `${engine} starts no container: ${reason}`, {
    hint:
      remedyFor(engine, reason) ?? `this must work: ${engine} run --rm docker.io/library/debian:12-slim true`,
  });
}

/** What the engine lacks is no trouble of its own, but of what was asked to be started. */
export function isAboutTheProgram(reason: string): boolean {
  return /executable file|no such file or directory|exec format error/i.test(reason);
}
