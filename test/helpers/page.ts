/** The documentation page whose programs must run: its files, extracted from the fenced code blocks. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const PAGE = join(import.meta.dirname, "../../../shared/seed/bring-your-own-image.md");

/** Why the page cannot be tested, or undefined. */
export function missingPage(): string | undefined {
  return existsSync(PAGE) ? undefined : "../shared/seed/bring-your-own-image.md is not there";
}

/**
 * The files of one of its two programs, by path. Each block is followed by a line that names its source; only
 * placeholders, which are not valid names, are replaced.
 */
export function pageFiles(
  program: "pure_byoi" | "remote_builder",
  placeholders: Readonly<Record<string, string>>,
): Record<string, string> {
  const text = readFileSync(PAGE, "utf8");
  const block = /```\w+\n((?:(?!```)[\s\S])*)```\s*\n+\*Source: \S+\/bring-your-own-image\/(\w+)\/(\S+)\*/gu;
  const files: Record<string, string> = {};
  for (const [, body, owner, path] of text.matchAll(block)) {
    if (owner === program && body !== undefined && path !== undefined)
      files[path] = replaced(body, placeholders);
  }
  return files;
}

function replaced(body: string, placeholders: Readonly<Record<string, string>>): string {
  return Object.entries(placeholders).reduce((text, [name, value]) => text.replaceAll(name, value), body);
}
