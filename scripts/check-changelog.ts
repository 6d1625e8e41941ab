/** Checks that the changelog has entries: under Unreleased, or under a version that is released. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const text = readFileSync(join(root, "CHANGELOG.md"), "utf8");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

const [, unreleased = ""] = /^## Unreleased\n([\s\S]*?)(?=^## |$(?![\s\S]))/mu.exec(text) ?? [];
if (unreleased.trim() === "" && !text.includes(`## ${version}`)) {
  console.error(`CHANGELOG.md has no entries, neither under Unreleased nor under ${version}`);
  process.exit(1);
}
