import assert from "node:assert/strict";
import { test } from "node:test";
import type { Grant } from "../../domain/access-token.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { includes, leastRole, ROLES, type ResourceKind } from "../../domain/roles.ts";
import { OWN_PROJECT, type Resource, type Right } from "../access.ts";
import { RPC_RIGHTS } from "../rpc-rights.ts";
import { authoriseToken, visibleProjects } from "./token.ts";

const PLACE = { project: "p", domain: "staging" };

/** One in this project and domain. */
function resourceOf(kind: ResourceKind, place = PLACE): Resource {
  const action = { ...place, run: "r", action: "a" };
  switch (kind) {
    case "server":
      return { kind };
    case "project":
      return { kind, project: place.project };
    case "tasks":
    case "runs":
      return { kind, scope: place };
    case "task":
      return { kind, key: { ...place, name: "t", version: "1" } };
    case "child":
      return { kind, key: action, parent: "a0" };
    case "image":
      return { kind, name: "i" };
    case "object":
      return { kind, key: `${place.project}/${place.domain}/runs/r/x` };
    case "place":
    case "run":
    case "action":
      return { kind, key: action };
  }
}

async function may(grants: readonly Grant[] | undefined, right: Right, resource: Resource): Promise<string> {
  const tokens = { find: async () => grants && { name: "ci", grants } };
  try {
    await authoriseToken(tokens, "id", right, resource);
    return "yes";
  } catch (error) {
    assert.ok(error instanceof BoxkiteError && error.hint !== undefined);
    return error.code;
  }
}

test("each RPC, for each role: as the table says, and nowhere else", async () => {
  const checked = new Set<string>();
  for (const [rpc, asked] of Object.entries(RPC_RIGHTS)) {
    if (asked === "anyone") continue;
    const [right, kind] = asked;
    for (const role of ROLES) {
      const allowed = includes(role, leastRole(right, kind));
      const grant = { role, project: "p" };
      assert.equal(
        await may([grant], right, resourceOf(kind)),
        allowed ? "yes" : "PERMISSION_DENIED",
        `${rpc} as ${role}`,
      );
      if (kind === "server" || kind === "image") continue;
      const other = resourceOf(kind, { project: "q", domain: "staging" });
      assert.equal(await may([grant], right, other), "PERMISSION_DENIED", `${rpc} elsewhere as ${role}`);
      checked.add(kind);
    }
  }
  assert.ok(checked.size >= 8);
});

test("a role in one domain reaches its project's record, and nothing of another domain", async () => {
  const grants = [{ role: "admin", ...PLACE }] as const;
  assert.equal(await may(grants, "read", { kind: "project", project: "p" }), "yes");
  assert.equal(await may(grants, "change", { kind: "project", project: "p" }), "PERMISSION_DENIED");
  for (const kind of ["runs", "run", "task", "object", "place"] as const) {
    assert.equal(await may(grants, "read", resourceOf(kind)), "yes", kind);
    const production = resourceOf(kind, { project: "p", domain: "production" });
    assert.equal(await may(grants, "read", production), "PERMISSION_DENIED", kind);
  }
  assert.equal(await may(grants, "read", { kind: "runs", scope: { project: "p" } }), "PERMISSION_DENIED");
  assert.equal(await may(grants, "read", { kind: "runs", scope: {} }), "PERMISSION_DENIED");
});

test("what belongs to no project is for an admin of everything", async () => {
  const [some, all] = [[{ role: "admin", project: "p" }] as const, [{ role: "admin" }] as const];
  const create = { kind: "project", project: "new" } as const;
  assert.deepEqual(
    [await may(some, "create", create), await may(all, "create", create)],
    ["PERMISSION_DENIED", "yes"],
  );
  assert.equal(await may(some, "change", { kind: "server" }), "PERMISSION_DENIED");
  assert.equal(await may(all, "change", { kind: "server" }), "yes");
});

test("of the server's own project everybody reads the task that builds images, and nothing else", async () => {
  const grants = [{ role: "admin", project: "p" }] as const;
  const place = { project: OWN_PROJECT, domain: "production" };
  for (const kind of ["task", "tasks"] as const) {
    assert.equal(await may(grants, "read", resourceOf(kind, place)), "yes", kind);
    assert.equal(await may(grants, "create", resourceOf(kind, place)), "PERMISSION_DENIED", kind);
  }
  for (const kind of ["project", "place", "runs", "run", "action", "child", "object"] as const)
    for (const right of ["read", "create", "change"] as const)
      assert.equal(
        await may(grants, right, resourceOf(kind, place)),
        "PERMISSION_DENIED",
        `${right} ${kind}`,
      );
  assert.equal(await may([{ role: "viewer", ...place }], "read", resourceOf("run", place)), "yes");
});

test("a token that is no longer valid proves nothing", async () => {
  assert.equal(await may(undefined, "read", { kind: "server" }), "UNAUTHENTICATED");
});

test("lists of projects have those in which the token has a role", async () => {
  const seenBy = (grants: readonly Grant[]) =>
    visibleProjects(
      { find: async () => ({ name: "ci", grants }) },
      { who: "ci", client: "", from: "", identity: { kind: "token", id: "i" } },
    );
  assert.deepEqual(await seenBy([{ role: "viewer", ...PLACE }]), ["p"]);
  assert.equal(await seenBy([{ role: "viewer", project: "p" }, { role: "admin" }]), undefined);
});
