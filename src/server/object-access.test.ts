import assert from "node:assert/strict";
import { test } from "node:test";
import type { Principal } from "../domain/principal.ts";
import { createRunIdentities } from "../orchestrator/run-identity.ts";
import { createPrincipals, OPERATOR } from "./object-access.ts";

const RUN = { project: "p", domain: "d", run: "r" };

test("what a run's credentials read is reported; what it writes, and what others read, is not", async () => {
  const identities = createRunIdentities("secret");
  const read: unknown[] = [];
  const find = createPrincipals({
    identities,
    rights: { owns: async () => true, mayRead: async () => true, readable: async (_, uris) => uris },
    authorise: async () => {},
    onRead: (run, key) => read.push([run, key]),
  });
  const run = find(identities.credentialsOf(RUN).accessKeyId, {} as Principal);
  assert.ok(await run?.allows("read", "inputs.pb"));
  await run?.allows("write", "outputs.pb");
  await run?.allows("list", "");
  await find(OPERATOR, {} as Principal)?.allows("read", "inputs.pb");
  assert.deepEqual(read, [[RUN, "inputs.pb"]]);
});
