/** What Podman says, with status 500, of a container that does not run, where Docker answers 409: nothing is left to be killed. */
import type { FailureRow } from "../../lib/failure-table.ts";

export const KILL_FAILURES: readonly FailureRow<"ENGINE_FAILED", unknown>[] = [
  {
    answers: { text: /\bcan only kill running containers\b/ },
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "never",
    source:
      "libpod/container_api.go, Container.Kill; Podman 4.3, POST /containers/ID/kill: `can only kill running containers. ID is in state exited: container state improper`",
  },
];
