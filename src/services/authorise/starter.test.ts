import assert from "node:assert/strict";
import { test } from "node:test";
import type { Grant } from "../../domain/access-token.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { Authority } from "../../domain/principal.ts";
import type { StoreReader } from "../../store/reader.ts";
import type { Resource, Right } from "../access.ts";
import { createAuthorise } from "./authorise.ts";

type Asked = readonly [Right, Resource];
const KEY = { project: "p", domain: "development", run: "r", action: "c" };

const CHILD: Asked = ["create", { kind: "child", key: KEY, parent: "a0" }];

async function may(
  grant: Grant,
  authority: Authority | undefined,
  [right, resource]: Asked = CHILD,
): Promise<string> {
  const store = { getRun: async () => authority && { authority } } as unknown as StoreReader;
  const tokens = { find: async () => ({ name: "ci", grants: [grant] }) };
  const authorise = createAuthorise({ store, tokens, rights: {} as never, reproductions: {} as never });
  const by = { who: "ci", client: "", from: "", identity: { kind: "token", id: "mine" } } as const;
  try {
    await authorise(by, right, resource);
    return "yes";
  } catch (error) {
    assert.ok(error instanceof BoxkiteError && error.hint !== undefined);
    return error.message;
  }
}

test("a token adds actions to the runs that it started: their tasks have the rights of whoever did", async () => {
  const grant = { role: "admin", project: "p" } as const;
  const no = "token ci may not create a child of action a0 of run r of p/development";
  assert.equal(await may(grant, { kind: "token", id: "mine" }), "yes");
  assert.equal(await may(grant, { kind: "token", id: "of another" }), no);
  assert.equal(await may(grant, { kind: "everyone" }), no, "a run of before there were tokens");
  assert.equal(await may({ role: "admin" }, { kind: "token", id: "of another" }), "yes");
  assert.equal(await may({ role: "viewer", project: "p" }, { kind: "token", id: "mine" }), no);
  assert.equal(await may(grant, undefined), "yes", "which is not found then");
});

test("a token writes what tasks run with for the runs that it started only, and what else is in its project", async () => {
  const grant = { role: "admin", project: "p" } as const;
  const object = (right: Right, key: string): Asked => [
    right,
    { kind: "object", key: `p/development/${key}` },
  ];
  const [mine, others] = [
    { kind: "token", id: "mine" },
    { kind: "token", id: "of another" },
  ] as const;
  for (const right of ["create", "change"] as const) {
    assert.equal(await may(grant, others, object(right, "lake/x")), "yes");
    assert.equal(await may(grant, mine, object(right, "runs/r/a0/inputs.pb")), "yes");
    for (const key of [
      "runs/r/a0/inputs.pb",
      "uploads/named/code/code.tgz",
      "inputs/hash/inputs.pb",
      "runs/r",
    ]) {
      const no = `token ci may not ${right} object p/development/${key}`;
      assert.equal(await may(grant, others, object(right, key)), no);
      assert.equal(await may(grant, undefined, object(right, key)), no);
      assert.equal(await may({ role: "admin" }, others, object(right, key)), "yes");
    }
  }
  assert.equal(await may(grant, others, object("read", "runs/r/a0/inputs.pb")), "yes");
  assert.notEqual(await may(grant, mine, object("create", "uploads/named/code/code.tgz")), "yes");
});
