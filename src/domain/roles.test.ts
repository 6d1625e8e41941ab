import assert from "node:assert/strict";
import { test } from "node:test";
import { covers, describeGrant, isLowered, isValid, replaceGrant, type AccessToken } from "./access-token.ts";
import { includes, leastRole, ROLES } from "./roles.ts";

test("each role has the rights of those before it, and some more", () => {
  assert.deepEqual(
    ROLES.map((role) => ROLES.filter((other) => includes(role, other)).length),
    [1, 2, 3, 4],
  );
  assert.equal(leastRole("read", "object"), "viewer");
  assert.equal(leastRole("change", "action"), "runner");
  assert.equal(leastRole("create", "place"), "runner");
  assert.equal(leastRole("create", "task"), "deployer");
  assert.equal(leastRole("create", "image"), "runner");
  assert.equal(leastRole("create", "project"), "admin");
  assert.equal(leastRole("change", "server"), "admin");
});

test("a grant covers its project or domain, and nothing around it", () => {
  const p = { role: "runner", project: "p" } as const;
  const staging = { ...p, domain: "staging" };
  assert.ok(covers({ role: "admin" }, {}));
  assert.ok(covers(p, { project: "p" }));
  assert.ok(covers(p, { project: "p", domain: "staging" }));
  assert.ok(!covers(p, {}));
  assert.ok(!covers(p, { project: "q" }));
  assert.ok(covers(staging, { project: "p", domain: "staging" }));
  assert.ok(!covers(staging, { project: "p" }));
  assert.ok(!covers(staging, { project: "p", domain: "production" }));
  assert.deepEqual(
    ["admin of everything", "runner of p", "runner of p/staging"],
    [describeGrant({ role: "admin" }), describeGrant(p), describeGrant(staging)],
  );
  assert.deepEqual(replaceGrant([p, staging], { project: "p" }, "viewer"), [
    staging,
    { role: "viewer", project: "p" },
  ]);
  assert.deepEqual(replaceGrant([p, staging], { project: "p", domain: "staging" }, undefined), [p]);
});

test("a token is valid until it expires or is revoked", () => {
  const token: AccessToken = { id: "i", name: "n", hash: "", grants: [], createdAt: 0, createdBy: "me" };
  assert.ok(isValid(token, 100));
  assert.ok(isValid({ ...token, expiresAt: 101 }, 100));
  assert.ok(!isValid({ ...token, expiresAt: 100 }, 100));
  assert.ok(!isValid({ ...token, revokedAt: 50 }, 100));
});

test("grants are lowered where one is missing, narrower or of a lesser role", () => {
  const p = { role: "runner", project: "p" } as const;
  assert.ok(!isLowered([p], [p]));
  assert.ok(!isLowered([p], [{ role: "admin" }]));
  assert.ok(!isLowered([p], [{ role: "viewer", project: "q" }, p]));
  assert.ok(isLowered([p], []));
  assert.ok(isLowered([p], [{ ...p, role: "viewer" }]));
  assert.ok(isLowered([p], [{ ...p, domain: "staging" }]));
});
