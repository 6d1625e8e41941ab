/** Every fenced block of the documentation is run by a test, or says why not. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { fencesOf, markdownPages, ROOT } from "../helpers/documents.ts";

/** Made by scripts/gen-docs.ts. */
const DIAGRAM = "mermaid";
const SHORTEST_REASON = 9;

test("above each fence stands the test that runs it, or the reason why none does", () => {
  const wrong = markdownPages()
    .flatMap(fencesOf)
    .filter(({ language }) => language !== DIAGRAM)
    .flatMap(({ page, line, test: runner, reason }) => {
      const where = `${page}:${line}`;
      if (runner === undefined) {
        const isReason = reason !== undefined && reason.length >= SHORTEST_REASON;
        return isReason
          ? []
          : [`${where} has neither <!-- run by FILE --> nor <!-- not run: REASON --> above it`];
      }
      const file = join(ROOT, runner);
      if (!existsSync(file)) return [`${where} names ${runner}, which does not exist`];
      const isRead = readFileSync(file, "utf8").includes(basename(page));
      return isRead ? [] : [`${where} names ${runner}, which does not read ${basename(page)}`];
    });
  assert.deepEqual(wrong, []);
});

test("the pages are found, and their fences", () => {
  const pages = markdownPages();
  for (const page of [
    "README.md",
    "docs/quick-start.md",
    "docs/typescript/tasks.md",
    "examples/byoi-pure/README.md",
  ])
    assert.ok(pages.includes(page), page);
  const languages = fencesOf("docs/quick-start.md").map(({ language }) => language);
  assert.deepEqual(languages, ["sh", "sh", "dockerfile", "sh", "python", "sh"]);
});
