import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { devNull, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { collectAll } from "./collect-files.ts";

type Files = Readonly<Record<string, string>>;

function makeFolder(t: TestContext, files: Files): string {
  const folder = mkdtempSync(join(tmpdir(), "boxkite-ignore-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFiles(folder, files);
  return folder;
}

function writeFiles(folder: string, files: Files): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** Nothing of the machine's own settings decides. */
const ENV = {
  ...process.env,
  GIT_CONFIG_GLOBAL: devNull,
  GIT_CONFIG_NOSYSTEM: "1",
  XDG_CONFIG_HOME: devNull,
};

function git(folder: string, parameters: readonly string[]): string {
  return execFileSync("git", ["-c", "core.quotePath=false", ...parameters], {
    cwd: folder,
    env: ENV,
    encoding: "utf8",
  });
}

/** What git would add: the files of the folder that it does not ignore; hidden ones are never sent. */
function keptByGit(folder: string): string[] {
  const listed = git(folder, ["ls-files", "--others", "--exclude-standard", "-z"]);
  return listed
    .split("\0")
    .filter((name) => name !== "" && !name.split("/").some((part) => part.startsWith(".")))
    .sort();
}

function makeRepository(t: TestContext, files: Files): string {
  const folder = makeFolder(t, {});
  git(folder, ["init", "--quiet"]);
  writeFiles(folder, files);
  return folder;
}

test("what git ignores is not sent: paths, anchors, negations, nested files", (t) => {
  const root = makeRepository(t, {
    ".gitignore": "config/secret.json\n/private/**\n*.env\n!public.env\nlogs/\n# words\n\\#odd\n",
    ".git/info/exclude": "mine.txt\n*.keep\n",
    "config/secret.json": "",
    "config/plain.json": "",
    "deep/config/secret.json": "",
    "private/a/key.pem": "",
    "deep/private/key.pem": "",
    "a.env": "",
    "public.env": "",
    "logs/x.log": "",
    "deep/logs": "a file",
    "#odd": "",
    "mine.txt": "",
    "x.keep": "",
    "sub/.gitignore": "/here\nmodels/*\n!models/small.bin\n!x.keep\n",
    "sub/here": "",
    "sub/deep/here": "",
    "sub/models/small.bin": "",
    "sub/models/large.bin": "",
    "sub/x.keep": "",
    here: "",
    "b[1]/.gitignore": "x\n",
    "b[1]/x": "",
    "b1/x": "",
  });
  const files = collectAll(root);
  assert.deepEqual(files, keptByGit(root));
  for (const name of ["config/secret.json", "private/a/key.pem", "mine.txt", ".git/config"])
    assert.ok(!files.includes(name), name);
  assert.ok(files.includes("deep/private/key.pem"));
});

test("the root folder may be a part of the repository, which has rules for it", (t) => {
  const root = makeRepository(t, {
    ".gitignore": "/flows/secret.txt\nbuild/\n",
    "flows/secret.txt": "",
    "flows/tasks.ts": "",
    "flows/build/x.js": "",
    "build/project/tasks.ts": "",
  });
  assert.deepEqual(collectAll(join(root, "flows")), ["tasks.ts"]);
  // Who names a folder that the repository ignores wants what is in it.
  assert.deepEqual(collectAll(join(root, "build/project")), ["tasks.ts"]);
});

test("a linked work tree has the rules of its repository", (t) => {
  const root = makeRepository(t, { ".gitignore": "*.env\n", ".git/info/exclude": "mine.txt\n" });
  git(root, ["add", ".gitignore"]);
  git(root, ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "x"]);
  const linked = join(makeFolder(t, {}), "tree");
  git(root, ["worktree", "add", "--quiet", linked]);
  writeFiles(linked, { "mine.txt": "", "a.env": "", "tasks.ts": "" });
  assert.deepEqual(collectAll(linked), ["tasks.ts"]);
});

test("without a repository the .gitignore files count alone", (t) => {
  const root = makeFolder(t, { ".gitignore": "a/*\n!a/b\n", "a/b": "", "a/c": "", "A/c": "" });
  assert.deepEqual(collectAll(root), ["A/c", "a/b"]);
});

/** The same numbers in every run. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const NAMES = ["a", "b", "ab", "a b", "x.js", "A", "e", "a[b]"];
const PARTS = [
  "a",
  "b",
  "ab",
  "*",
  "a*",
  "*.js",
  "?",
  "**",
  "[ab]",
  "[!a]",
  "a\\ b",
  "x.js",
  "e",
  "A",
  "a\\[b\\]",
];

test("random rules in random folders: the files that git keeps", (t) => {
  const root = makeFolder(t, {});
  for (let seed = 1; seed <= 60; seed++) {
    const random = generator(seed);
    const pick = (from: readonly string[]): string => from[random(from.length)] ?? "";
    const path = (): string => Array.from({ length: 1 + random(3) }, () => pick(NAMES)).join("/");
    const pattern = (): string => {
      const parts = Array.from({ length: 1 + random(3) }, () => pick(PARTS));
      return `${pick(["", "", "", "!"])}${pick(["", "", "/"])}${parts.join("/")}${pick(["", "", "/", " ", "/ "])}`;
    };
    const rules = (): string => Array.from({ length: 1 + random(5) }, pattern).join(pick(["\n", "\r\n"]));
    const repository = join(root, String(seed));
    mkdirSync(repository);
    git(repository, ["init", "--quiet"]);
    writeFileSync(join(repository, ".git/info/exclude"), rules());
    for (let count = 0; count < 40; count++) {
      const name = random(5) === 0 ? join(path(), ".gitignore") : path();
      try {
        writeFiles(repository, { [name]: name.endsWith(".gitignore") ? rules() : "" });
      } catch (error) {
        // A file stands where this one wants a folder, or a folder where it stands itself.
        if (!["EEXIST", "ENOTDIR", "EISDIR"].includes((error as NodeJS.ErrnoException).code ?? ""))
          throw error;
      }
    }
    writeFileSync(join(repository, ".gitignore"), rules());
    const told = execFileSync("cat", [join(repository, ".gitignore")], { encoding: "utf8" });
    assert.deepEqual(collectAll(repository), keptByGit(repository), `seed ${seed}\n${told}`);
  }
});
