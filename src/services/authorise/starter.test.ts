import assert from "node:assert/strict";
import { test } from "node:test";
import type { Grant } from "../../domain/access-token.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { Authority } from "../../domain/principal.ts";
import type { StoreReader } from "../../store/reader.ts";
import { createAuthorise } from "./authorise.ts";

const KEY = { project: "p", domain: "development", run: "r", action: "c" };

async function mayAdd(grant: Grant, authority: Authority | undefined): Promise<string> {
  const store = { getRun: async () => authority && { authority } } as unknown as StoreReader;
  const tokens = { find: async () => ({ name: "ci", grants: [grant] }) };
  const authorise = createAuthorise({ store, tokens, rights: {} as never });
  const by = { who: "ci", client: "", from: "", identity: { kind: "token", id: "mine" } } as const;
  try {
    await authorise(by, "create", { kind: "child", key: KEY, parent: "a0" });
    return "yes";
  } catch (error) {
    assert.ok(error instanceof BoxkiteError && error.hint !== undefined);
    return error.message;
  }
}

test("a token adds actions to the runs that it started: their tasks have the rights of whoever did", async () => {
  const grant = { role: "admin", project: "p" } as const;
  const no = "token ci may not create a child of action a0 of run r of p/development";
  assert.equal(await mayAdd(grant, { kind: "token", id: "mine" }), "yes");
  assert.equal(await mayAdd(grant, { kind: "token", id: "of another" }), no);
  assert.equal(await mayAdd(grant, { kind: "everyone" }), no, "a run of before there were tokens");
  assert.equal(await mayAdd({ role: "admin" }, { kind: "token", id: "of another" }), "yes");
  assert.equal(await mayAdd({ role: "viewer", project: "p" }, { kind: "token", id: "mine" }), no);
  assert.equal(await mayAdd(grant, undefined), "yes", "which is not found then");
});
