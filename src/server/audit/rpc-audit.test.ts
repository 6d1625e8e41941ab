import assert from "node:assert/strict";
import { test } from "node:test";
import { createContextValues, type Interceptor } from "@connectrpc/connect";
import type { AuditLog } from "../../audit/audit-log.ts";
import type { AuditEntry } from "../../audit/entry.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { LOCAL, type Principal } from "../../domain/principal.ts";
import { systemClock } from "../../lib/clock.ts";
import { PRINCIPAL } from "../../services/principal.ts";
import { RPC_RIGHTS } from "../../services/rpc-rights.ts";
import { NO_AUDIT } from "../../../test/helpers/no-audit.ts";
import { createAuditedCalls } from "./audited-calls.ts";
import { auditInterceptor } from "./rpc-audit.ts";

function subject(over: Partial<AuditLog> = {}) {
  const entries: AuditEntry[] = [];
  const audited = createAuditedCalls(
    { ...NO_AUDIT, write: (entry) => void entries.push(entry), ...over },
    systemClock,
  );
  const intercept = auditInterceptor(audited);
  const call = (rpc: string, answer: (by: Principal) => unknown) => {
    const [service, name] = rpc.split("/");
    const by = { ...LOCAL };
    const contextValues = createContextValues().set(PRINCIPAL, by);
    const request = { service: { typeName: `p.${service}` }, method: { name }, contextValues };
    return intercept(async () => answer(by) as never)(
      request as unknown as Parameters<ReturnType<Interceptor>>[0],
    );
  };
  const recorded = () => entries.splice(0).map(({ kind, call, result }) => [kind, call, result]);
  return { audited, call, recorded };
}

const denied = new BoxkiteError("PERMISSION_DENIED", "may not");
const wrong = new BoxkiteError("INVALID_ARGUMENT", "is wrong");

test("each RPC is recorded as its right says: changes and reads of data always, others where they are denied", async () => {
  const { call, recorded } = subject();
  const always = { change: 0, read: 0 };
  for (const [rpc, asked] of Object.entries(RPC_RIGHTS)) {
    const [right, , what] = asked === "anyone" ? (["read"] as const) : asked;
    const kind = right !== "read" ? "change" : what === "data" ? "read" : undefined;
    if (kind !== undefined) always[kind]++;
    await call(rpc, () => ({ stream: false }));
    assert.deepEqual(recorded(), kind === undefined ? [] : [[kind, rpc, "ok"]], rpc);
    await assert.rejects(
      call(rpc, () => {
        throw wrong;
      }),
    );
    const failed = { code: "INVALID_ARGUMENT", message: "is wrong" };
    assert.deepEqual(recorded(), kind === undefined ? [] : [[kind, rpc, failed]], rpc);
    await assert.rejects(
      call(rpc, () => {
        throw denied;
      }),
    );
    assert.deepEqual(recorded(), [["denied", rpc, { code: "PERMISSION_DENIED", message: "may not" }]], rpc);
  }
  assert.ok(always.change >= 10 && always.read >= 4, JSON.stringify(always));
});

test("a stream has one line, when its first message leaves or when the client leaves, and one when it is denied", async () => {
  const { call, recorded } = subject();
  const rpc = "DataProxyService/TailLogs";
  const streamOf = async (messages: AsyncIterable<number>) => {
    const response = (await call(rpc, () => ({ stream: true, message: messages }))) as unknown as {
      readonly message: AsyncIterable<number>;
    };
    assert.deepEqual(recorded(), []);
    return response.message[Symbol.asyncIterator]();
  };
  const two = async function* () {
    yield 1;
    yield 2;
  };
  const stream = await streamOf(two());
  await stream.next();
  assert.deepEqual(recorded(), [["read", rpc, "ok"]]);
  await stream.next();
  await stream.return?.();
  assert.deepEqual(recorded(), []);
  // oxlint-disable-next-line require-yield
  const refusing = async function* (): AsyncGenerator<number> {
    throw denied;
  };
  await assert.rejects(async () => (await streamOf(refusing())).next());
  assert.deepEqual(recorded(), [["denied", rpc, { code: "PERMISSION_DENIED", message: "may not" }]]);
  for (const [error, lines] of [
    [denied, [["denied", rpc, { code: "PERMISSION_DENIED", message: "may not" }]]],
    [wrong, []],
  ] as const) {
    const ending = await streamOf(
      (async function* () {
        yield 1;
        throw error;
      })(),
    );
    await ending.next();
    assert.deepEqual(recorded(), [["read", rpc, "ok"]]);
    await assert.rejects(async () => ending.next(), error);
    assert.deepEqual(recorded(), lines);
  }
  await (await streamOf(two())).return?.();
  assert.deepEqual(recorded(), [["read", rpc, "ok"]]);
});

test("what could not be recorded is not begun; what was not recorded is not answered", async () => {
  const full = new BoxkiteError("DISK_FULL", "full");
  const requireWritable = () => {
    throw full;
  };
  const { call, audited } = subject({ requireWritable });
  await assert.rejects(
    call("RunService/CreateRun", () => assert.fail("it was begun")),
    full,
  );
  // What needs no line goes on, also where it asks for rights.
  const authorise = audited.noting(() => {});
  await call("RunService/ListRuns", async (by) => {
    await authorise(by, "read", { kind: "runs", scope: {} });
    return { stream: false };
  });
  const late = subject({
    write: () => {
      throw full;
    },
  });
  await assert.rejects(
    late.call("RunService/CreateRun", () => ({ stream: false })),
    full,
  );
});
