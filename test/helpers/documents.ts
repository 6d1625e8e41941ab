/**
 * The fenced blocks of this repository's Markdown. Above each stands a comment, `<!-- run by FILE -->` with the test that
 * runs it, or `<!-- not run: REASON -->`; test/docs/fences.test.ts holds every page to it.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");

export interface Fence {
  /** Relative to the repository. */
  readonly page: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** Without the indentation of a list. */
  readonly text: string;
  /** The test that runs it; undefined where none does. */
  readonly test: string | undefined;
  /** Why no test runs it. */
  readonly reason: string | undefined;
}

const RUN = /^<!-- run by (\S+) -->$/u;
const NOT_RUN = /^<!-- not run: (.+) -->$/u;

/** Made by a program from what has tests of its own. */
const GENERATED = ["docs/typescript/reference.md"];

export function markdownPages(): string[] {
  return globSync(["*.md", "{docs,examples,bench}/**/*.md"], { cwd: ROOT })
    .map((page) => page.replaceAll("\\", "/"))
    .filter((page) => !GENERATED.includes(page) && !page.includes("node_modules"))
    .toSorted();
}

export function fencesOf(page: string): Fence[] {
  const lines = readFileSync(join(ROOT, page), "utf8").split("\n");
  const fences: Fence[] = [];
  for (let index = 0; index < lines.length; index++) {
    const [, indent = "", language = ""] = /^(\s*)```(\w*)/u.exec(lines[index] ?? "") ?? [];
    if (!/^\s*```/u.test(lines[index] ?? "")) continue;
    const above = (lines[index - 1] ?? "").trim();
    const end = lines.findIndex((line, at) => at > index && line.trim() === "```");
    const body = lines.slice(index + 1, end).map((line) => line.slice(indent.length));
    const [test, reason] = [RUN.exec(above)?.[1], NOT_RUN.exec(above)?.[1]];
    fences.push({ page, line: index + 1, language, text: `${body.join("\n")}\n`, test, reason });
    index = end;
  }
  return fences;
}

/** The fences of a page that name this test, in order; throws where there are none. */
export function fencesRunBy(test: string, page: string): Fence[] {
  const found = fencesOf(page).filter((fence) => fence.test === test);
  if (found.length === 0) throw new Error(`no fence of ${page} names ${test}`);
  return found;
}
