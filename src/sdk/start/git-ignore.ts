/**
 * What git ignores, by git's rules (gitignore(5)): `.gitignore` in every folder from the top of the work
 * tree down, and `.git/info/exclude`. Rules that one machine has for all repositories
 * (`core.excludesFile`) and git's index are not read: only a file's path decides.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import ignore, { type Ignore } from "ignore";

/** Whether git ignores an absolute path; that of a folder ends with a slash. */
export type IgnoredPath = (path: string) => boolean;

export function readGitIgnore(folder: string): IgnoredPath {
  const root = resolve(folder);
  const top = findWorkTree(root);
  if (top === undefined) return ignoredBelow(root, []);
  const ignored = ignoredBelow(top, readRules(excludeFileOf(join(top, ".git"))));
  // An explicitly named folder is read although the surrounding repository ignores it.
  return top !== root && ignored(`${root}/`) ? ignoredBelow(root, []) : ignored;
}

interface FolderRules {
  readonly rules: readonly string[];
  readonly matcher: Ignore;
}

function ignoredBelow(top: string, exclude: readonly string[]): IgnoredPath {
  const ignoreCase = isCaseless(top);
  const known = new Map<string, FolderRules>();
  // One list of rules per folder, its own last: the last rule that matches a path decides.
  const rulesOf = (folder: string): FolderRules => {
    let found = known.get(folder);
    if (found === undefined) {
      const above = folder === top ? undefined : rulesOf(dirname(folder));
      const own = readRules(join(folder, ".gitignore")).map((rule) => ruleFrom(top, folder, rule));
      const rules = [...(above?.rules ?? exclude), ...own];
      found =
        above !== undefined && own.length === 0
          ? above
          : { rules, matcher: ignore({ ignoreCase }).add(rules) };
      known.set(folder, found);
    }
    return found;
  };
  return (path) => {
    const name = slashed(relative(top, path));
    return rulesOf(dirname(path)).matcher.ignores(path.endsWith("/") ? `${name}/` : name);
  };
}

/** The folder that holds `.git`, which is a file in a linked work tree. */
function findWorkTree(start: string): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".git"))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

function excludeFileOf(git: string): string {
  if (statSync(git).isDirectory()) return join(git, "info/exclude");
  // The file of a linked work tree names its git directory, which names the one shared by all work trees.
  const own = resolve(
    dirname(git),
    readFileSync(git, "utf8")
      .replace(/^gitdir: */, "")
      .trimEnd(),
  );
  const pointer = join(own, "commondir");
  const common = existsSync(pointer) ? resolve(own, readFileSync(pointer, "utf8").trimEnd()) : own;
  return join(common, "info/exclude");
}

/** As `git init` determines it: on a case-insensitive file system the rules are, too. */
function isCaseless(top: string): boolean {
  return [".git", ".gitignore"].some(
    (name) => existsSync(join(top, name)) && existsSync(join(top, name.toUpperCase())),
  );
}

function readRules(file: string): string[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8")
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/);
  return lines.map(withoutTrailingSpaces).filter((line) => line !== "" && !line.startsWith("#"));
}

/** A space after a backslash is kept. */
function withoutTrailingSpaces(line: string): string {
  return /^((?:\\.|[^\\])*?) *$/s.exec(line)?.[1] ?? line;
}

/** The rule as it would be written in `top`. A pattern with a slash is relative to its folder, one without matches at any depth. */
function ruleFrom(top: string, folder: string, rule: string): string {
  if (folder === top) return rule;
  const negated = rule.startsWith("!") ? "!" : "";
  const pattern = rule.slice(negated.length);
  const location = slashed(relative(top, folder)).replaceAll(/[\\*?[]/g, String.raw`\$&`);
  const anchored = pattern.slice(0, -1).includes("/");
  return `${negated}/${location}/${anchored ? pattern.replace(/^\//, "") : `**/${pattern}`}`;
}

function slashed(path: string): string {
  return path.split(sep).join("/");
}
