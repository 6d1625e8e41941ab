/**
 * Makes reference.md from the docstrings of what src/sdk/index.ts exports.
 *
 *   node docs/typescript/generate-reference.ts           rewrite it
 *   node docs/typescript/generate-reference.ts --check   fail if it is not what would be written
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const root = join(import.meta.dirname, "../..");
const target = join(import.meta.dirname, "reference.md");

interface Entry {
  readonly name: string;
  readonly text: string;
}

function exportsOf(index: string): { name: string; local: string; file: string }[] {
  const source = readFileSync(index, "utf8");
  return [...source.matchAll(/export (?:type )?\{([^}]*)\} from "([^"]+)"/g)].flatMap(
    ([, names = "", from = ""]) =>
      names.split(",").flatMap((part) => {
        const [local, name] = part
          .trim()
          .replace(/^type /, "")
          .split(" as ");
        return local ? [{ local, name: name ?? local, file: resolve(dirname(index), from) }] : [];
      }),
  );
}

/** The docstring and the declaration: of functions and constants the head, of types all, of classes the public members. */
function describe(file: string, local: string): string {
  const lines = readFileSync(file, "utf8").split("\n");
  const kinds = "(?:async function|function|class|abstract class|interface|type|const)";
  const head = new RegExp(`^export ${kinds} ${local}\\b`);
  const starts = lines.flatMap((line, index) => (head.test(line) ? [index] : []));
  const parts = starts.map(
    (start) => `${docBefore(lines, start)}\n\n\`\`\`ts\n${declaration(lines, start)}\n\`\`\``,
  );
  // The implementation behind overloads says nothing to callers.
  const words = /\(typeof (\w+)\)\[number\]/.exec(lines[starts[0] ?? 0] ?? "")?.[1];
  if (words !== undefined) parts.unshift(listOf(lines, words));
  const shown =
    parts.length > 1 && !/interface|type/.test(lines[starts[0] ?? 0] ?? "") ? parts.slice(0, -1) : parts;
  return shown
    .map((part) => part.trim())
    .join("\n\n")
    .trim();
}

/** The words that a type is made of. */
function listOf(lines: readonly string[], name: string): string {
  const start = lines.findIndex((line) => line.startsWith(`export const ${name} = [`));
  const end = lines.findIndex((line, index) => index >= start && line.includes("] as const"));
  if (start < 0 || end < 0)
    throw new Error(`the words of ${name} are not exported: export const ${name} = […`);
  return `${docBefore(lines, start)}\n\n\`\`\`ts\n${lines.slice(start, end + 1).join("\n")}\n\`\`\``;
}

function docBefore(lines: readonly string[], start: number): string {
  let end = start - 1;
  while (lines[end]?.trim().startsWith("// oxlint")) end -= 1;
  if (!lines[end]?.trim().endsWith("*/")) return "";
  let begin = end;
  while (begin >= 0 && !lines[begin]?.trim().startsWith("/**")) begin -= 1;
  return lines
    .slice(begin, end + 1)
    .map((line) => line.replace(/\s*\*\/$/, "").replace(/^\s*\/?\*+ ?/, ""))
    .join("\n")
    .trim();
}

function declaration(lines: readonly string[], start: number): string {
  const first = lines[start] ?? "";
  if (/^export (?:abstract )?class/.test(first)) return classOf(lines, start);
  if (/^export const \w+ = \{$/.test(first)) return classOf(lines, start).replace(" = {", ": {");
  if (first.startsWith("export const")) return first.replace(/\s*=.*$/, ";");
  if (/^export (?:async )?function/.test(first)) {
    let end = start;
    while (!/[;{]$/.test(lines[end] ?? "") || /^\s*(?:options|readonly)[^)]*\{$/.test(lines[end] ?? ""))
      end += 1;
    return lines
      .slice(start, end + 1)
      .join("\n")
      .replace(/ \{$/, ";");
  }
  let end = start;
  while (end < lines.length && !/^[}\])]?[^\s].*;$|^\}.*;?$/.test(lines[end] ?? "")) end += 1;
  return lines.slice(start, end + 1).join("\n");
}

/** Members at the first level, with their docstrings; bodies and private ones left out. */
function classOf(lines: readonly string[], start: number): string {
  const kept = [lines[start] ?? ""];
  let end = start + 1;
  while (!/^\};?$/.test(lines[end] ?? "")) end += 1;
  for (let index = start + 1; index < end; index++) {
    const line = lines[index] ?? "";
    const member = /^ {2}(?! )(?!\}|#|private|\/|\*|\)|override)(?!readonly #)\S/.test(line);
    const comment = /^ {2}\/\*\*/.test(line);
    if (comment) {
      const block = [line];
      while (!(lines[index] ?? "").trim().endsWith("*/")) block.push(lines[++index] ?? "");
      if (!/^ {2}(?:#|private)/.test(lines[index + 1] ?? "")) kept.push(...block);
    } else if (
      member &&
      !line.includes("Symbol.hasInstance") &&
      !line.includes("[BLOB]") &&
      !line.includes("[brand]") &&
      !/^ {2}(?:name|override)/.test(line)
    ) {
      let text = line;
      while (!/[;{]$/.test(lines[index] ?? "")) text += `\n${lines[++index] ?? ""}`;
      kept.push(text.replace(/ = .*;$/, ";").replace(/ \{$/, ";"));
    }
  }
  return [...kept, "}"].join("\n");
}

const index = join(root, "src/sdk/index.ts");
const testing = join(root, "src/sdk/testing/index.ts");
const entries: Entry[] = exportsOf(index).map(({ name, local, file }) => ({
  name,
  text: describe(file, local),
}));
entries.sort((a, b) => a.name.localeCompare(b.name));
const testNames = [...readFileSync(testing, "utf8").matchAll(/^export (?:async function|interface) (\w+)/gm)];
const testEntries: Entry[] = testNames.map(([, name = ""]) => ({ name, text: describe(testing, name) }));

const section = (title: string, list: readonly Entry[]): string =>
  `## ${title}\n\n${list.map(({ name, text }) => `### ${name}\n\n${text}`).join("\n\n")}`;
const page = `# API reference

Made from the docstrings by \`node docs/typescript/generate-reference.ts\`; edit those.

${section('import * as flyte from "boxkite"', entries)}

${section('import … from "boxkite/testing"', testEntries)}
`;

if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== page) {
    console.error(
      "docs/typescript/reference.md is not what the docstrings say; run: node docs/typescript/generate-reference.ts",
    );
    process.exit(1);
  }
} else {
  writeFileSync(target, page);
  console.log(`${entries.length + testEntries.length} entries`);
}
