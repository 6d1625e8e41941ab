/** Why an engine could not finish a build, although no step failed. It reports that only as the last line of its output. */
import { STORAGE_FAILURES } from "../containers/failures/storage.ts";
import type { FailureRow } from "../lib/failure-table.ts";
import { FULL_DISK_HINT } from "./step-failures.ts";

export const ENGINE_BUILD_FAILURES: readonly FailureRow<"ENGINE_FAILED" | "ENGINE_UNREACHABLE", unknown>[] = [
  {
    answers: { text: /no space left on device|disk quota exceeded/i },
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "never",
    hint: () => FULL_DISK_HINT,
    source: "ENOSPC, EDQUOT",
  },
  ...STORAGE_FAILURES,
  {
    answers: {
      text: /cannot connect to the docker daemon|error during connect|error reading from server|rpc error: code = (Unavailable|Canceled)|closing transport|broken pipe/i,
    },
    code: "ENGINE_UNREACHABLE",
    kind: "system",
    retry: "later",
    hint: () => "The engine stopped during the build: see that it runs (docker info), and its log.",
    source: "docker's command line, where its daemon ends or is restarted",
  },
  {
    answers: {
      text: /cannot allocate memory|resource temporarily unavailable|too many open files|database is locked|input\/output error/i,
    },
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "later",
    hint: () =>
      "The machine lacks memory, processes or files for the engine: end other work, then run again.",
    source: "ENOMEM, EAGAIN, EMFILE, EIO; SQLITE_BUSY of Podman's own database",
  },
  {
    answers: {
      text: /^Error: .*(creating (build|working) container|mounting (new |working )?container|creating read-write layer|committing (container|image)|copying layers and metadata|storing layer|writing blob: adding layer)/i,
    },
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "later",
    hint: () =>
      "The engine could not store a layer. Run again; if it stays, see the engine's log and its disk.",
    source: "Buildah: builder.go, commit.go",
  },
  {
    answers: { text: /\b(?:runc|crun)\b.*\b(?:cgroup|seccomp|namespace|rlimit)/i },
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "later",
    hint: () => "The engine cannot start containers for build steps: boxkite doctor names what is missing.",
    source: "runc, crun",
  },
];
