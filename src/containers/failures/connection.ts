/** Why a connection to an engine's socket or port fails. */
import type { FailureRow } from "../../lib/failure-table.ts";
import type { EngineAddress } from "../address.ts";

export const ENGINE_CONNECTION_FAILURES: readonly FailureRow<"ENGINE_UNREACHABLE", EngineAddress>[] = [
  {
    answers: { errno: ["EACCES"] },
    when: ({ kind }) => kind === "unix",
    code: "ENGINE_UNREACHABLE",
    kind: "system",
    retry: "never",
    hint: (address) =>
      `this user may not open ${address.kind === "unix" ? address.socketPath : "it"}: use rootless podman, or join the group that owns the socket`,
    source: "connect(2)",
  },
  {
    answers: { text: /^/ },
    code: "ENGINE_UNREACHABLE",
    kind: "system",
    retry: "later",
    hint: () =>
      "is the engine running? Try: systemctl --user start podman.socket, or: systemctl start docker, or: podman machine start",
    source: "connect(2), and connections that break off",
  },
];
