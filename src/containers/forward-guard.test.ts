import assert from "node:assert/strict";
import { test } from "node:test";
import { createForwardGuard } from "./forward-guard.ts";

const result = (exitCode: number) => ({ exitCode, stdout: "", stderr: "no permission" });

/** `answers`: the exit code for each program and verb. */
function programs(answers: Readonly<Record<string, number>>) {
  const calls: string[] = [];
  const guard = createForwardGuard(async (program, args) => {
    const call = program === "nft" ? "nft" : `iptables ${args[3]}`;
    calls.push(call);
    return result(answers[call] ?? 0);
  });
  return { guard, calls };
}

test("nftables sets the rule in one call, which starts at the same time share", async () => {
  const { guard, calls } = programs({});
  await Promise.all([guard.ensure(), guard.ensure()]);
  assert.deepEqual(calls, ["nft"]);
  await guard.ensure();
  assert.equal(calls.length, 2, "it may have been removed since");
});

test("without nftables iptables has the rule once", async () => {
  const present = programs({ nft: 127 });
  await present.guard.ensure();
  assert.deepEqual(present.calls, ["nft", "iptables -C", "iptables -C"]);
  const absent = programs({ nft: 127, "iptables -C": 1 });
  await absent.guard.ensure();
  assert.deepEqual(absent.calls.toSorted(), [
    "iptables -C",
    "iptables -C",
    "iptables -I",
    "iptables -I",
    "nft",
  ]);
});

test("without the right to set it the error says what to do", async () => {
  const { guard } = programs({ nft: 1, "iptables -C": 4, "iptables -I": 4 });
  await assert.rejects(guard.ensure(), { code: "ENGINE_FAILED", message: /kept apart.*no permission/u });
});
