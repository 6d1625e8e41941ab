/**
 * Why an engine cannot start a container. Podman answers every failed start with status 500, Docker with 400, 404
 * or 500 depending on its version. So the exit code that Docker records is matched first, then the text of the
 * OCI runtime.
 */
import type { ActionCode } from "../../domain/action-codes.ts";
import type { FailureRow } from "../../lib/failure-table.ts";
import type { EngineName } from "../types.ts";

export interface StartContext {
  readonly engine: EngineName;
  /** The program, for a message: "its entrypoint", or "`a0`". */
  readonly program: string;
  /** The file that could not be executed, where the OCI runtime names it. */
  readonly script?: string | undefined;
  /** The engine's own message. */
  readonly reason: string;
  /** The largest environment variable that the attempt gets. */
  readonly largest?: { readonly name: string; readonly bytes: number } | undefined;
  /** The image's platform, such as `linux/arm64`, if it is not the engine's own. */
  readonly foreignPlatform: string | undefined;
}

type StartRow = FailureRow<ActionCode, StartContext>;

const PODMAN_FILE =
  "~/.config/containers/containers.conf (root: /etc/containers/containers.conf), or a file that CONTAINERS_CONF names";
const isPodman = ({ engine }: StartContext) => engine === "podman";

/** Failures of the engine itself, not of the image or the program. */
export const ENGINE_START_FAILURES: readonly StartRow[] = [
  {
    answers: { text: /setting rlimit/i },
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "later",
    hint: ({ engine }) =>
      engine === "podman"
        ? `this user may not raise limits that far; in ${PODMAN_FILE}: [containers] default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]`
        : `this machine does not let limits be raised that far; in /etc/docker/daemon.json: "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 1024}}`,
    source: "runc and crun, in a container that may not raise limits",
  },
  {
    answers: { text: /\/dev\/net\/tun.*permission denied/i },
    when: isPodman,
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "later",
    hint: () => "let users open it: chmod 666 /dev/net/tun",
    source: "slirp4netns, rootless Podman",
  },
  {
    answers: { text: /crun.*cgroup|cgroup.*crun/i },
    when: isPodman,
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "later",
    hint: () => `use runc: apt install runc, and in ${PODMAN_FILE}: [engine] runtime = "runc"`,
    source: "crun 1.8 with cgroups v1",
  },
];

/** A program for another processor, or a script whose first line does not name its interpreter. */
const NOT_EXECUTABLE = {
  code: "WRONG_ARCHITECTURE",
  kind: "user",
  retry: "never",
  what: ({ program, foreignPlatform }) =>
    foreignPlatform === undefined
      ? `${program} is not a program for this processor, nor a script that begins with #! (exec format error)`
      : `the image is for ${foreignPlatform}, and this engine cannot run that`,
  hint: ({ foreignPlatform }) =>
    foreignPlatform === undefined
      ? "does the ENTRYPOINT script begin with #!/bin/sh? Were files of another architecture copied into the image?"
      : "build it for this machine too: podman build --platform linux/amd64,linux/arm64 --manifest NAME …",
  source: "execve(2), ENOEXEC",
} satisfies Omit<StartRow, "answers">;

/** A limit of the kernel, whatever the image is. */
const TOO_LONG = {
  answers: { text: /argument list too long/i },
  code: "ARGUMENTS_TOO_LONG",
  kind: "user",
  retry: "never",
  what: ({ program, largest }) =>
    `${program} was given more arguments and environment variables than Linux allows${largest === undefined ? "" : `; the largest variable is ${largest.name}, of ${largest.bytes} bytes`}`,
  hint: () =>
    "one variable or argument may have 128 KiB, all together 2 MiB: give the task large values as inputs or as flyte.io.File, not in env_vars",
  source: "execve(2), E2BIG",
} satisfies StartRow;

const RUNTIME_FAILURE = {
  code: "OCI_RUNTIME_UNAVAILABLE",
  kind: "user",
  retry: "never",
  what: ({ reason }) => `the OCI runtime that is to isolate it cannot be used: ${reason}`,
  hint: (context) => runtimeHint(context),
} satisfies Omit<StartRow, "answers" | "source">;

/** An OCI runtime that the engine has registered, but cannot run. */
export const RUNTIME_FAILURES: readonly StartRow[] = [
  { ...RUNTIME_FAILURE, answers: { text: /OCI runtime "[^"]*" not found/ }, source: "podman --runtime" },
  {
    ...RUNTIME_FAILURE,
    answers: { text: /unable to retrieve OCI runtime error/ },
    source: "containerd, where the runtime's program does not exist or writes no error",
  },
];

/** How an OCI runtime is registered. */
export function runtimeHint({ engine }: Pick<StartContext, "engine">): string {
  return engine === "podman"
    ? `install it and register it in ${PODMAN_FILE}: [engine.runtimes] NAME = ["/path/to/program"]`
    : 'install it and register it in /etc/docker/daemon.json: "runtimes": {"NAME": {"path": "/path/to/program"}}, then restart Docker';
}

/** Failures of the image or the program. They come after the engine's, whose texts may also end in "permission denied". */
const IMAGE_START_FAILURES: readonly StartRow[] = [
  ...RUNTIME_FAILURES,
  TOO_LONG,
  { answers: { text: /exec format error/i }, ...NOT_EXECUTABLE },
  {
    answers: { text: /could not select device driver .*gpu/i },
    code: "GPU_NOT_SUPPORTED",
    kind: "user",
    retry: "never",
    what: () => "the task asks for a GPU, and Docker has no driver for one",
    hint: () =>
      "install the NVIDIA container toolkit for Docker and restart it: nvidia-ctk runtime configure --runtime=docker && systemctl restart docker",
    source: "Docker",
  },
  {
    answers: { text: /unable to find (user|group) |no matching entries in (passwd|group) file/i },
    code: "IMAGE_USER_NOT_FOUND",
    kind: "user",
    retry: "never",
    what: ({ reason }) => `the image's USER is not in its /etc/passwd: ${reason}`,
    hint: () => "give USER as a number in its Dockerfile, or create the user there",
    source: "Docker; containers/common of Podman",
  },
  {
    // Before "not found", because both texts end with the OCI runtime's message.
    answers: { exitCode: 126, text: /permission denied|is a directory|not a regular file/i },
    code: "ENTRYPOINT_NOT_EXECUTABLE",
    kind: "user",
    retry: "never",
    what: ({ program, reason }) => `${program} may not be executed by the image's user: ${reason}`,
    hint: () => "set its execute bit (chmod 755) in the Dockerfile, for every user that the image runs as",
    source: "execve(2), EACCES, as runc and crun quote it; Docker notes the shell's 126",
  },
  {
    answers: {
      exitCode: 127,
      text: /executable file .*not found|no such file or directory|command that was not found/i,
    },
    code: "ENTRYPOINT_NOT_FOUND",
    kind: "user",
    retry: "never",
    what: ({ program }) => `${program} was not found in it`,
    hint: () =>
      "see ENTRYPOINT and PATH in its Dockerfile; a script may also name an interpreter in its #! line that the image lacks",
    source: "execve(2), ENOENT, as runc and crun quote it; Docker notes the shell's 127",
  },
  {
    answers: { status: [400, 499] },
    code: "CONTAINER_REFUSED",
    kind: "user",
    retry: "never",
    what: ({ reason }) => `the engine refused it: ${reason}`,
    hint: () => "see the task's resources and the image's settings",
    source: "the engines' API: statuses below 500 speak of the request",
  },
];

/** The only output of a container that was started, but whose program could not be executed. */
export const OUTPUT_FAILURES: readonly StartRow[] = [
  {
    ...NOT_EXECUTABLE,
    answers: { text: /^exec .*: exec format error$/ },
    source: "runc, where execve(2) fails with ENOEXEC after the start was reported",
  },
  { ...TOO_LONG, answers: { text: /^exec .*: argument list too long$/ } },
  {
    answers: { text: /^exec .*: no such file or directory$/ },
    code: "ENTRYPOINT_NOT_FOUND",
    kind: "user",
    retry: "never",
    what: ({ program, script }) =>
      `the interpreter that the first line of ${script ?? program} names was not found in it`,
    hint: ({ script }) =>
      `does ${script ?? "the script"} have Windows line ends, so that its first line names "/bin/sh\\r"? In the Dockerfile: RUN sed -i 's/\\r$//' ${script ?? "SCRIPT"}. Or install the interpreter that it names (bash, python)`,
    source: "runc, where execve(2) of a file that exists fails with ENOENT after the start was reported",
  },
  {
    answers: { text: /^exec .*: permission denied$/ },
    code: "ENTRYPOINT_NOT_EXECUTABLE",
    kind: "user",
    retry: "never",
    what: ({ program, script }) => `${script ?? program} may not be executed by the image's user`,
    hint: () =>
      "set its execute bit (chmod 755) in the Dockerfile, for every user that the image runs as; the interpreter of a script needs it, too",
    source: "runc, where execve(2) fails with EACCES after the start was reported",
  },
];

export const START_FAILURES: readonly StartRow[] = [...ENGINE_START_FAILURES, ...IMAGE_START_FAILURES];

/** The program that was not found, if the OCI runtime names it: `exec: "a0": executable file not found`. */
export function programNamedIn(reason: string): string | undefined {
  return /exec: "([^"]+)"/.exec(reason)?.[1];
}

/** The file of `exec /entrypoint.sh: no such file or directory`. */
export function scriptNamedIn(reason: string): string | undefined {
  return /^exec (.+): [^:]+$/.exec(reason)?.[1];
}
