import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { provenanceOf } from "../../domain/provenance.ts";
import { readSourceLinks, repositoryUrl } from "./source-links.ts";

test("a module's link has the commit, and a line only where the checkout has no changes", async (t) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "boxkite-links-")));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...args], {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  assert.equal(await readSourceLinks(folder), undefined);
  git("init", "-q");
  writeFileSync(join(folder, "flow.ts"), "one");
  git("add", ".");
  git("commit", "-q", "-m", "one");
  assert.equal(await readSourceLinks(folder), undefined, "no remote");
  git("remote", "add", "origin", "git@github.com:team/app.git");
  const commit = git("rev-parse", "HEAD");
  const url = `https://github.com/team/app/blob/${commit}/flow.ts`;
  const links = await readSourceLinks(folder);
  assert.equal(links?.(join(folder, "flow.ts")), `${url}#L1`);
  assert.equal(links?.("/elsewhere/flow.ts"), undefined);
  assert.deepEqual(provenanceOf({}, { reads: [], sourceUrl: `${url}#L1` }).code.source, {
    url: `${url}#L1`,
    commit,
  });
  writeFileSync(join(folder, "flow.ts"), "two");
  assert.equal((await readSourceLinks(folder))?.(join(folder, "flow.ts")), url);
  git("remote", "set-url", "origin", "https://git.example/team/app");
  assert.equal(await readSourceLinks(folder), undefined, "a host whose links are not known");
});

test("a repository's address is one over HTTPS, without credentials", () => {
  for (const remote of [
    "git@github.com:team/app.git",
    "ssh://git@github.com/team/app.git",
    "https://github.com/team/app",
    "https://user:secret@github.com/team/app.git",
  ])
    assert.equal(repositoryUrl(remote), "https://github.com/team/app", remote);
  for (const remote of ["/srv/app.git", "file:///srv/app", "http://github.com/team/app", ""])
    assert.equal(repositoryUrl(remote), undefined, remote);
});
