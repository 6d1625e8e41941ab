import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActionError } from "../action.ts";
import type { AttemptExit } from "../attempt.ts";
import { textOf } from "../errors.ts";
import { NO_PROGRAM } from "../../../test/helpers/evidence.ts";
import type { Evidence, Written } from "./evidence.ts";
import { judge as judgeEvidence, phaseOfOutcome } from "./judge.ts";

const IMAGE = { reference: "registry.example.com/team:1", source: "registry" } as const;
const HOST = { reference: "auto", source: "host" } as const;
const NOTHING: Written = { kind: "nothing" };

function judge(written: Written, exit: AttemptExit, image: Evidence["image"], more: Partial<Evidence> = {}) {
  const known = { program: NO_PROGRAM, hasBegun: undefined, log: [], uploadRefused: undefined };
  return judgeEvidence({ ...known, ...more, written, exit, image });
}

function exited(exitCode: number, more: Partial<AttemptExit> = {}): AttemptExit {
  return { reason: "exited", exitCode, outOfMemory: false, ...more };
}

function written(code: string, message: string, whileLoading: boolean) {
  return {
    kind: "error",
    whileLoading,
    error: { code, message, kind: "user", recoverable: true },
  } satisfies Written;
}

function errorOf(what: Written, ending: AttemptExit, image: Evidence["image"] = IMAGE): ActionError {
  const outcome = judge(what, ending, image);
  assert.equal(outcome.kind, ending.reason === "lost" ? "lost" : "failed");
  return (outcome as { error: ActionError }).error;
}

test("what the disk lost is no fault of the task's: the attempt is lost, however it ended", () => {
  const damaged: Written = { kind: "damaged", message: "a file is damaged", hint: "restore it" };
  assert.deepEqual(judge(damaged, exited(0), IMAGE), {
    kind: "lost",
    error: {
      code: "OBJECT_DAMAGED",
      message: "a file is damaged",
      hint: "restore it",
      kind: "system",
      recoverable: true,
    },
  });
});

test("what the task wrote counts before how its process ended", () => {
  assert.deepEqual(judge({ kind: "outputs" }, exited(3), IMAGE), { kind: "succeeded" });
  assert.deepEqual(judge({ kind: "outputs" }, { reason: "lost", outOfMemory: false }, IMAGE), {
    kind: "succeeded",
  });
  assert.equal(
    errorOf(written("ValueError", "no", false), exited(137, { outOfMemory: true })).code,
    "ValueError",
  );
});

test("nothing that is said of a process of this machine speaks of a container or an image", () => {
  const rows: readonly [Written, AttemptExit, RegExp][] = [
    [NOTHING, { reason: "start_failed", outOfMemory: false }, /^the process could not be started$/u],
    [NOTHING, exited(0), /^the process ended with code 0 but wrote neither/u],
    [NOTHING, exited(126), /^the process ended with code 126: .* not executable by the server's user;/u],
    [NOTHING, exited(127), /^the process ended with code 127: .* not found; .*interpreter of .*--python/u],
    [NOTHING, exited(3), /^the process ended with code 3/u],
    [written("ModuleNotFoundError", "No module named 'x'", true), exited(1), /environment of .*--python/u],
    [written("AttributeError", "no attribute 'work'", true), exited(1), /the module on this machine/u],
    [written("PermissionError", "Permission denied: '/x'", true), exited(1), /^Permission denied: '\/x'$/u],
  ];
  for (const [what, ending, text] of rows) {
    const said = textOf(errorOf(what, ending, HOST));
    assert.match(said, text);
    assert.doesNotMatch(said, /container|image|ENTRYPOINT|WORKDIR/u);
  }
});

test("a lost attempt is the machinery's, a start that failed the image's", () => {
  assert.deepEqual(judge(NOTHING, { reason: "lost", outOfMemory: false }, IMAGE), {
    kind: "lost",
    error: {
      code: "Interrupted",
      message: "the attempt vanished while it ran",
      hint: undefined,
      kind: "system",
      recoverable: true,
    },
  });
  const told = { code: "ENGINE_RESTARTED", message: "it restarted", hint: "wait" } as const;
  const lost = errorOf(NOTHING, { reason: "lost", outOfMemory: false, ...told });
  assert.deepEqual(lost, { ...told, kind: "system", recoverable: true });
  const silent = errorOf(NOTHING, { reason: "start_failed", outOfMemory: false });
  assert.deepEqual(
    [silent.code, silent.message],
    ["StartFailed", "image registry.example.com/team:1 could not be started"],
  );
  const start = errorOf(NOTHING, {
    reason: "start_failed",
    outOfMemory: false,
    code: "IMAGE_USER_NOT_FOUND",
    message: "no user",
    hint: "give a number",
  });
  assert.deepEqual(
    [start.code, start.kind, start.message, start.hint, start.recoverable],
    ["IMAGE_USER_NOT_FOUND", "user", "no user", "give a number", false],
  );
});

test("a task that could not be loaded gets a hint, one that raised the same class does not", () => {
  const hinted = errorOf(written("ModuleNotFoundError", "No module named 'flow'", true), exited(1));
  assert.equal(hinted.message, "No module named 'flow'");
  assert.match(hinted.hint ?? "", /registry\.example\.com\/team:1.*PYTHONPATH/u);
  const own = errorOf(written("ModuleNotFoundError", "No module named 'pandas'", false), exited(0));
  assert.equal(textOf(own), "No module named 'pandas'");
  assert.match(
    errorOf(written("AttributeError", "no attribute 'work'", true), exited(1)).hint ?? "",
    /^the module in .* is not the one that this run was made from/u,
  );
  const other = written("SyntaxError", "invalid syntax", true);
  assert.deepEqual(judge(other, exited(1), IMAGE), { kind: "failed", error: other.error });
  assert.match(
    errorOf(written("PermissionError", "[Errno 13] Permission denied: '.'", true), exited(1)).hint ?? "",
    /^the USER of .* may not write to its WORKDIR/u,
  );
  const client = "Failed to create client: No CA certificates were loaded from the system";
  assert.match(
    errorOf(written("RuntimeError", client, false), exited(1)).hint ?? "",
    /FLYTE_WITHOUT_CA_BUNDLE.*ca-certificates$/u,
  );
});

test("an error code that every object has as a property gets no hint", () => {
  assert.equal(errorOf(written("constructor", "no", true), exited(1)).hint, undefined);
});

test("a task whose result was not taken for lack of room is not to blame", () => {
  const quoted =
    "Generic S3 error: 507: <Error><Code>InsufficientStorage</Code><Message>its disk is full</Message></Error>";
  const error = errorOf(written("GenericError", quoted, false), exited(0));
  assert.deepEqual([error.code, error.kind, error.recoverable], ["DISK_FULL", "system", false]);
  assert.match(textOf(error), /its disk is full.*hint: .*free some space/su);
});

test("an upload that the server could not store makes it the system's fault, whatever the task made of it", () => {
  const refused = { uploadRefused: "DISK_FULL" } as const;
  const errors = [
    judge(written("ModelNotSaved", "could not save the model", false), exited(0), IMAGE, refused),
    judge(NOTHING, exited(1), IMAGE, refused),
  ].map((outcome) => (outcome as { error: ActionError }).error);
  for (const error of errors)
    assert.deepEqual([error.code, error.kind, error.recoverable], ["DISK_FULL", "system", false]);
  assert.deepEqual(errors[0]?.message, "could not save the model");
  assert.match(errors[1]?.message ?? "", /the server could not store the result \(.*code 1/u);
  assert.deepEqual(judge({ kind: "outputs" }, exited(0), IMAGE, refused), { kind: "succeeded" });
});

test("boto3 quotes the refusal in its own way", () => {
  const quoted =
    "An error occurred (InsufficientStorage) when calling the PutObject operation: its disk is full";
  assert.equal(errorOf(written("ClientError", quoted, false), exited(0)).code, "DISK_FULL");
  const unusable = quoted.replace("InsufficientStorage", "StorageUnavailable");
  const error = errorOf(written("ClientError", unusable, false), exited(0));
  assert.deepEqual([error.code, error.kind], ["DATA_DIRECTORY_UNUSABLE", "system"]);
});

test("an attempt that was lost is shown as failed, any other by its outcome", () => {
  assert.equal(phaseOfOutcome("lost"), "failed");
  for (const outcome of ["succeeded", "failed", "aborted", "timed_out"] as const)
    assert.equal(phaseOfOutcome(outcome), outcome);
});

test("capacity that was taken or given back is nobody's failure, with the executor's reason or a plain one", () => {
  const given = { outOfMemory: false, message: "spot instance" } as const;
  assert.deepEqual(judge(NOTHING, { ...given, reason: "preempted" }, IMAGE), {
    kind: "preempted",
    reason: "spot instance",
  });
  assert.deepEqual(judge(NOTHING, { ...given, reason: "parked" }, IMAGE), {
    kind: "parked",
    reason: "spot instance",
  });
  const plain = (reason: "preempted" | "parked") =>
    judge(NOTHING, { outOfMemory: false, reason }, IMAGE) as { readonly reason: string };
  assert.equal(plain("preempted").reason, "its capacity was taken for something else");
  assert.equal(plain("parked").reason, "it waits for others and gave its capacity back");
});

test("people see an attempt that was preempted or parked as aborted, and a lost one as failed", () => {
  const shown = (["preempted", "parked", "lost", "timed_out", "succeeded"] as const).map(phaseOfOutcome);
  assert.deepEqual(shown, ["aborted", "aborted", "failed", "timed_out", "succeeded"]);
});
