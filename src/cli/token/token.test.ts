/** `boxkite token`, as a program beside an open store. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runProgram, succeeded } from "../../../test/helpers/stock-sdk.ts";
import { hashOfToken, idOfToken } from "../../lib/token-text.ts";
import { STORE_FILE } from "../../server/store-file.ts";
import { openSqliteStore } from "../../store/sqlite/sqlite-store.ts";

const MAIN = join(import.meta.dirname, "../main.ts");

test("a token is created, listed, given other rights and revoked while the store is open", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-token-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const store = openSqliteStore(join(directory, STORE_FILE));
  t.after(() => store.close());
  const project = { id: "p", name: "p", description: "", labels: {}, state: "active", createdAt: 1 } as const;
  await store.createProject(project);
  const run = (...args: string[]) =>
    runProgram(process.execPath, [MAIN, "token", ...args, "--data", directory], {
      cwd: directory,
      env: {},
    });

  const created = succeeded(
    await run("create", "--name", "ci", "--role", "runner", "--project", "p", "--expires", "90d"),
  );
  const text = created.stdout.trim();
  const id = idOfToken(text);
  assert.ok(id !== undefined);
  assert.match(created.stderr, /^ci: runner of p; until .*not shown again/u);
  const stored = await store.getToken(id);
  assert.equal(stored?.hash, hashOfToken(text));
  assert.equal((stored?.expiresAt ?? 0) - (stored?.createdAt ?? 0), 90 * 86_400_000);

  const listed = succeeded(await run("list")).stdout;
  assert.match(listed, /ci +\S+ +runner of p +.*never/u);
  assert.ok(!listed.includes(text) && !listed.includes(stored?.hash ?? "?"));

  succeeded(await run("grant", "ci", "--role", "viewer", "--project", "p"));
  succeeded(await run("grant", "ci", "--role", "deployer", "--project", "p", "--domain", "staging"));
  assert.deepEqual((await store.getToken(id))?.grants, [
    { role: "viewer", project: "p" },
    { role: "deployer", project: "p", domain: "staging" },
  ]);
  const everywhere = await run("grant", "ci", "--role", "none");
  assert.equal(everywhere.code, 2, "nothing was taken away");
  assert.match(
    everywhere.stderr,
    /no role in exactly this scope: it is viewer of p, deployer of p\/staging/u,
  );
  assert.equal(
    (await run("grant", "ci", "--role", "none", "--project", "p", "--domain", "production")).code,
    2,
  );
  assert.match(
    succeeded(await run("grant", "ci", "--role", "none", "--project", "p")).stdout,
    /^ci: deployer of p\/staging\n$/u,
  );
  succeeded(await run("revoke", id));
  assert.match((await run("revoke", "ci")).stderr, /token ci is revoked, [^]*boxkite token list --all/u);
  assert.ok((await store.getToken(id))?.revokedAt !== undefined);
  assert.doesNotMatch(succeeded(await run("list")).stdout, /ci/u);
  assert.match(succeeded(await run("list", "--all")).stdout, /ci .*revoked/u);
});

test("what cannot be granted is refused with what to type", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-token-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await openSqliteStore(join(directory, STORE_FILE)).close();
  const refusals: readonly (readonly [args: string[], message: RegExp])[] = [
    [["create", "--role", "admin"], /has no name[^]*try: add --name/u],
    [["create", "a b", "--role", "admin"], /cannot be named/u],
    [["create", "ci"], /no role is named[^]*viewer, runner, deployer, admin\n/u],
    [["create", "ci", "--role", "none"], /no role "none"/u],
    [["create", "ci", "--role", "root"], /no role "root"/u],
    [["create", "ci", "--role", "runner"], /in a project only[^]*--project/u],
    [["create", "ci", "--role", "runner", "--project", "q"], /no project "q"/u],
    [
      ["create", "ci", "--role", "admin", "--expires", "soon"],
      /"soon"; it must be a time like 90d, 12h or 30m/u,
    ],
    [["create", "ci", "--role", "admin", "--expires", "0d"], /"0d"; it must be a time like/u],
    [["revoke", "ci"], /no token "ci"[^]*boxkite token list/u],
    [["revoke"], /no token is named[^]*boxkite token revoke NAME/u],
    [["rename", "ci"], /no verb "rename"/u],
    [["revoke", "ci", "--role", "admin"], /--role means nothing to token revoke/u],
  ];
  await Promise.all(
    refusals.map(async ([args, message]) => {
      const { code, stderr } = await runProgram(
        process.execPath,
        [MAIN, "token", ...args, "--data", directory],
        { cwd: directory, env: {} },
      );
      assert.equal(code, 2, args.join(" "));
      assert.match(stderr, message, args.join(" "));
    }),
  );
});
