/** Walks every table of failures: what another program answers has a known code, and advice for those who can mend it. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ENGINE_BUILD_FAILURES } from "../../builds/engine-failures.ts";
import { STEP_FAILURES } from "../../builds/step-failures.ts";
import { ACTION_CODES } from "../../domain/action-codes.ts";
import { ERROR_CODES } from "../../domain/errors.ts";
import { REGISTRY_CONNECTION_FAILURES, REGISTRY_ANSWERS } from "../../images/registry/failures.ts";
import { NO_REGISTRIES } from "../../images/registry/registries.ts";
import { UNREACHABLE } from "../../platform/probe-failures.ts";
import { type FailureRow, findFailure } from "../../lib/failure-table.ts";
import { COMMAND_FAILURES } from "./command.ts";
import { ENGINE_CONNECTION_FAILURES } from "./connection.ts";
import { KILL_FAILURES } from "./kill.ts";
import { ENGINE_START_FAILURES, OUTPUT_FAILURES, START_FAILURES } from "./start.ts";
import { REMNANT_FAILURES, STORAGE_FAILURES } from "./storage.ts";
import { TRANSFER_FAILURES } from "./transfer.ts";

const CONTEXT = {
  engine: "podman",
  program: "podman",
  reason: "no such file",
  foreignPlatform: undefined,
  host: "registry.example.com",
  registries: NO_REGISTRIES,
  port: 30080,
  codes: new Set<string>(),
  kind: "unix",
  socketPath: "/run/engine.sock",
} as const;

const TABLES: Readonly<Record<string, readonly FailureRow<string, never>[]>> = {
  start: START_FAILURES,
  output: OUTPUT_FAILURES,
  transfer: TRANSFER_FAILURES,
  storage: STORAGE_FAILURES,
  kill: KILL_FAILURES,
  remnant: REMNANT_FAILURES,
  command: COMMAND_FAILURES,
  connection: ENGINE_CONNECTION_FAILURES,
  step: STEP_FAILURES,
  "engine build": ENGINE_BUILD_FAILURES,
  unreachable: UNREACHABLE,
  "registry answer": REGISTRY_ANSWERS,
  "registry connection": REGISTRY_CONNECTION_FAILURES,
};

function hasKind(code: string, kind: "user" | "system"): boolean {
  const ofAction: readonly string[] = ACTION_CODES[kind];
  return ofAction.includes(code) || (ERROR_CODES as Readonly<Record<string, string>>)[code] === kind;
}

suite("tables of failures", () => {
  for (const [name, rows] of Object.entries(TABLES)) {
    test(name, () => {
      assert.ok(rows.length > 0);
      for (const row of rows) {
        const place = `${row.code}, ${row.source}`;
        assert.ok(hasKind(row.code, row.kind), `${place}: no code of a ${row.kind} error`);
        assert.ok(row.source !== "", place);
        assert.notEqual(Object.keys(row.answers).length, 0, place);
        if (row.kind === "user") {
          assert.equal(row.retry, "never", place);
          assert.ok((row.hint?.(CONTEXT as never) ?? "").length > 10, `${place}: no hint`);
        }
      }
    });
  }

  test("the first row that fits counts, by any of its answers, where its condition holds", () => {
    const start = (engine: "podman" | "docker", answer: Parameters<typeof findFailure>[1]) =>
      findFailure(START_FAILURES, answer, { ...CONTEXT, engine })?.code;
    assert.equal(
      start("docker", { exitCode: 126, text: "x: no such file or directory" }),
      "ENTRYPOINT_NOT_EXECUTABLE",
    );
    assert.equal(start("docker", { exitCode: 127, text: "x" }), "ENTRYPOINT_NOT_FOUND");
    assert.equal(start("docker", { status: 409, text: "x" }), "CONTAINER_REFUSED");
    assert.equal(start("docker", { status: 500, text: "x" }), undefined);
    const tun = { text: 'open("/dev/net/tun"): Permission denied' };
    assert.equal(start("podman", tun), "ENGINE_FAILED");
    assert.equal(start("docker", tun), "ENTRYPOINT_NOT_EXECUTABLE");
    assert.equal(findFailure(ENGINE_START_FAILURES, { text: "exec format error" }, CONTEXT), undefined);
  });

  test("a transfer is told by its cause, not by the words that follow it", () => {
    const transfer = (text: string) => findFailure(TRANSFER_FAILURES, { text }, CONTEXT);
    assert.equal(transfer("denied: requested access to the resource is denied")?.code, "IMAGE_UNAUTHORIZED");
    assert.equal(transfer("manifest unknown")?.code, "IMAGE_NOT_FOUND");
    assert.equal(transfer("dial tcp 10.0.0.1:443: connect: connection refused")?.retry, "later");
    assert.equal(
      transfer("toomanyrequests: You have reached your pull rate limit")?.code,
      "REGISTRY_RATE_LIMITED",
    );
    assert.equal(transfer("reading blob sha256:1: blob unknown to registry")?.code, "IMAGE_NOT_FOUND");
    const missing = "Error fetching blob: invalid status code from registry 404 (Not Found)";
    assert.equal(
      transfer(missing)?.hint?.(CONTEXT),
      "The registry has the image only in part: push it again.",
    );
    assert.equal(transfer("invalid status code from registry 503 (Service Unavailable)")?.retry, "later");
    assert.equal(transfer("Digest did not match, expected a, got b")?.code, "REGISTRY_UNREACHABLE");
    assert.equal(transfer("received unexpected HTTP status: 503 Service Unavailable")?.retry, "later");
    assert.equal(transfer("writing blob: no space left on device")?.retry, "never");
    assert.equal(transfer("checking if cached image exists: layer not known")?.retry, "now");
  });
});
