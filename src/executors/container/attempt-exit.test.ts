import assert from "node:assert/strict";
import { test } from "node:test";
import type { AttemptSpec } from "../executor.ts";
import { NO_POLICY } from "./confinement.ts";
import { attemptExit, type ExitContext } from "./attempt-exit.ts";
import type { ContainerState } from "../../containers/types.ts";
import { EngineResponseError } from "../../containers/http.ts";
import { LogWriter } from "./log-writer.ts";
import { startFailure } from "./start-failure.ts";

const spec = {
  image: { reference: "app:1" },
  command: [],
  args: ["a0"],
  limits: {},
  requests: {},
} as unknown as AttemptSpec;

const ended: ContainerState = {
  id: "1",
  status: "exited",
  running: false,
  exitCode: 0,
  oomKilled: false,
  startedAt: 2_000,
  endedAt: 9_000,
  commandLine: ["a0"],
  mounts: new Map(),
  labels: {},
};

function contextOf(more: Partial<ExitContext> = {}, lines: readonly string[] = []): ExitContext {
  const tail = new LogWriter({ write: () => {}, flush: async () => {}, lastAtMs: undefined });
  for (const line of lines) tail.take({ stream: "stderr", timeMs: 1, payload: Buffer.from(`${line}\n`) });
  const info = { cgroupVersion: "2" } as ExitContext["info"];
  const api = { onThisMachine: false } as ExitContext["api"];
  return { spec, api, info, tail, stopRequested: false, outage: undefined, policy: NO_POLICY, ...more };
}

const exitOf = (state: Partial<ContainerState>, context = contextOf()) =>
  attemptExit({ ...ended, ...state }, context);

test("an exit has its code and times; no end precedes its start", () => {
  assert.deepEqual(exitOf({ exitCode: 3, endedAt: 1_999 }), {
    reason: "exited",
    exitCode: 3,
    outOfMemory: false,
    entrypoint: [],
    startedAt: 2_000,
    endedAt: 2_000,
  });
});

test("an exit has the image's ENTRYPOINT, unless the task replaced it", () => {
  const state = { commandLine: ["/bin/bash", "-c", "a0"] };
  assert.deepEqual(exitOf(state).entrypoint, ["/bin/bash", "-c"]);
  const replaced = { ...spec, command: ["sh"] };
  assert.equal(exitOf(state, contextOf({ spec: replaced })).entrypoint, undefined);
  assert.equal(exitOf({ commandLine: [] }).entrypoint, undefined);
});

test("memory: the engine's yes counts; its no counts unless it is known to be blind", () => {
  assert.equal(exitOf({ exitCode: 137, oomKilled: true }).outOfMemory, true);
  const limited = { ...spec, limits: { memoryBytes: 1 } };
  const blind = { spec: limited, info: { cgroupVersion: "1" } as ExitContext["info"] };
  assert.equal(exitOf({ exitCode: 137 }, contextOf({ spec: limited })).outOfMemory, false);
  assert.equal(exitOf({ exitCode: 137 }, contextOf(blind)).outOfMemory, true);
  assert.equal(exitOf({ exitCode: 1 }, contextOf(blind)).outOfMemory, false);
  assert.equal(exitOf({ exitCode: 137 }, contextOf({ ...blind, stopRequested: true })).outOfMemory, false);
  assert.equal(exitOf({ exitCode: 137 }, contextOf({ ...blind, spec })).outOfMemory, false);
  assert.equal(exitOf({ exitCode: 0, oomKilled: true }).outOfMemory, true, "a process of the container's");
});

test("what the engine or the machine took along is lost, not failed", () => {
  assert.equal(exitOf({ status: "created" }).code, "MACHINE_RESTARTED");
  assert.equal(exitOf({ exitCode: -1 }).code, "MACHINE_RESTARTED");
  assert.equal(exitOf({ status: "removing", exitCode: 137 }).code, "CONTAINER_REMOVED");
  const away = { outage: { sinceMs: 9_500, untilMs: 20_000 } };
  assert.equal(exitOf({ exitCode: 143 }, contextOf(away)).code, "ENGINE_RESTARTED");
  assert.equal(exitOf({ exitCode: 1 }, contextOf(away)).reason, "exited");
  assert.equal(exitOf({ exitCode: 143, endedAt: 5_000 }, contextOf(away)).reason, "exited", "before");
  assert.equal(exitOf({ exitCode: 143, endedAt: 60_000 }, contextOf(away)).reason, "exited", "long after");
  assert.equal(exitOf({ exitCode: 143 }, contextOf({ ...away, stopRequested: true })).reason, "exited");
});

test("what runc could not execute for another reason is a failed start, with the file and its cure", () => {
  const env = { SMALL: "x", BIG: "y".repeat(200_000) };
  const context = (line: string) => contextOf({ spec: { ...spec, env } }, [line]);
  const startOf = (line: string) => exitOf({ exitCode: 1 }, context(line));
  const long = startOf("exec /opt/venv/bin/a0: argument list too long");
  assert.deepEqual([long.reason, long.code], ["start_failed", "ARGUMENTS_TOO_LONG"]);
  assert.match(long.message ?? "", /largest variable is BIG, of 200000 bytes$/u);
  const script = startOf("exec /entrypoint.sh: no such file or directory");
  assert.deepEqual([script.reason, script.code], ["start_failed", "ENTRYPOINT_NOT_FOUND"]);
  assert.match(script.message ?? "", /the interpreter that the first line of \/entrypoint\.sh names/u);
  assert.match(script.hint ?? "", /Windows line ends.*sed -i 's\/\\r\$\/\/' \/entrypoint\.sh/u);
  assert.equal(startOf("exec /entrypoint.sh: permission denied").code, "ENTRYPOINT_NOT_EXECUTABLE");
});

test("what runc could not execute is a failed start, the same words among others are output", () => {
  const words = "exec /usr/bin/a0: exec format error";
  assert.equal(exitOf({ exitCode: 1 }, contextOf({}, [words])).code, "WRONG_ARCHITECTURE");
  assert.equal(exitOf({ exitCode: 1 }, contextOf({}, ["before", words])).reason, "exited");
  assert.equal(exitOf({ exitCode: 2 }, contextOf({}, [words])).reason, "exited");
});

test("failed starts are told apart, in the words of podman, runc, crun and docker", () => {
  const cases: [status: number, noted: number, text: string, code: string][] = [
    [
      500,
      0,
      'runc: runc create failed: unable to start container process: exec: "a0": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found',
      "ENTRYPOINT_NOT_FOUND",
    ],
    [
      500,
      0,
      "crun: executable file `a0` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found",
      "ENTRYPOINT_NOT_FOUND",
    ],
    [
      400,
      127,
      'failed to create task for container: OCI runtime create failed: runc create failed: exec: "/x": stat /x: no such file or directory: unknown',
      "ENTRYPOINT_NOT_FOUND",
    ],
    [
      500,
      0,
      'runc create failed: unable to start container process: exec: "/etc/passwd": permission denied: OCI permission denied',
      "ENTRYPOINT_NOT_EXECUTABLE",
    ],
    [400, 126, "something in the future", "ENTRYPOINT_NOT_EXECUTABLE"],
    [500, 0, "crun: exec `a0`: Exec format error: OCI runtime error", "WRONG_ARCHITECTURE"],
    [500, 0, "unable to find user nobody: no matching entries in passwd file", "IMAGE_USER_NOT_FOUND"],
    [400, 0, "invalid CPU count", "CONTAINER_REFUSED"],
    [500, 0, "no space left on device", "ENGINE_FAILED"],
    [
      500,
      0,
      "runc create failed: error setting rlimit type 7: operation not permitted: OCI permission denied",
      "ENGINE_FAILED",
    ],
  ];
  for (const [status, notedExitCode, text, code] of cases) {
    const error = new EngineResponseError("POST /containers/x/start", status, text);
    const exit = startFailure(error, { spec, engine: "podman", notedExitCode, foreignPlatform: undefined });
    assert.equal(exit.code, code, text);
    assert.equal(exit.reason, code === "ENGINE_FAILED" ? "lost" : "start_failed");
  }
  const foreign = startFailure(new EngineResponseError("x", 500, "exec format error"), {
    spec,
    engine: "docker",
    notedExitCode: 0,
    foreignPlatform: "linux/arm64",
  });
  assert.match(foreign.message ?? "", /app:1 .*linux\/arm64/);
});
