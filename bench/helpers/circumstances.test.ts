import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { source } from "./circumstances.ts";

test("a benchmark that was changed is measured anew; its results do not count", () => {
  const directory = mkdtempSync(join(tmpdir(), "boxkite-source-"));
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-C", directory, "-c", "user.name=t", "-c", "user.email=t@t", ...args], {
      stdio: "pipe",
    });
  const write = (path: string, text: string) => {
    mkdirSync(join(directory, path, ".."), { recursive: true });
    writeFileSync(join(directory, path), text);
  };
  const commit = () => {
    git("add", "--all");
    git("commit", "--quiet", "--message", "c");
  };
  try {
    git("init", "--quiet");
    write("src/a.ts", "1");
    write("bench/measures/a.ts", "1");
    commit();
    const first = source(directory);
    write("bench/results/a.json", "{}");
    assert.equal(source(directory), first);
    commit();
    assert.equal(source(directory), first);
    write("bench/measures/a.ts", "2");
    assert.match(source(directory), / with changes$/u);
    commit();
    const second = source(directory);
    assert.notEqual(second, first);
    write("src/a.ts", "2");
    commit();
    assert.notEqual(source(directory), second);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
