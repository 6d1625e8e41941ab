/** Finds the modules and files that TypeScript or JavaScript source text refers to. */
import { parse, type Import } from "es-module-lexer/js";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";

/**
 * Specifiers of static and dynamic imports, of `new URL("…", import.meta.url)`, `import.meta.resolve("…")` and
 * `require("…")`, as they are written; type-only imports are left out. Throws INVALID_ARGUMENT, naming
 * `path`, for text that is no module.
 */
export function specifiersIn(source: string, path: string): string[] {
  const imports = parsed(source, path).flatMap((found) => specifiersOf(found, source));
  // `require` is no syntax: one in a comment is found, too, which at most adds a file.
  return [...imports, ...[...source.matchAll(REQUIRE)].flatMap(([, , specifier]) => specifier ?? [])];
}

const REQUIRE = /\brequire\s*\(\s*(["'])([^"'\n]+)\1\s*\)/g;
const URL_BEFORE = /\bnew\s+URL\s*\(\s*(["'])([^"'\n]+)\1\s*,\s*$/;
const RESOLVE_AFTER = /^\.resolve\s*\(\s*(["'])([^"'\n]+)\1/;
/** No path in front of `import.meta` is longer. */
const LONGEST_URL = 4096;

function parsed(source: string, path: string): readonly Import[] {
  try {
    return parse(source)[0];
  } catch (cause) {
    throw new BoxkiteError("INVALID_ARGUMENT", `the imports of ${path} cannot be read: ${messageOf(cause)}`, {
      hint: 'copyStyle: "all" sends the files of the root folder without reading them',
      cause,
    });
  }
}

function specifiersOf(found: Import, source: string): string[] {
  switch (found.type) {
    case "import-meta": {
      const before = URL_BEFORE.exec(source.slice(Math.max(0, found.start - LONGEST_URL), found.start));
      const after = RESOLVE_AFTER.exec(source.slice(found.end, found.end + LONGEST_URL));
      return [before?.[2], after?.[2]].filter((specifier) => specifier !== undefined);
    }
    case "dynamic":
      return found.specifier === undefined || found.glob || found.probablyTypeOnly ? [] : [found.specifier];
    default:
      return found.typeOnly ? [] : [found.specifier];
  }
}
