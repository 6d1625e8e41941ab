/** Loads what the modules of most tasks import, before there is one: the SDK, libraries of schemas, the remover of types. */
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { resolveFromRuntime } from "../load-task.ts";

/** They read no variables and start nothing when they are imported. */
const LIBRARIES = ["boxkite", "zod", "valibot", "@valibot/to-json-schema", "arktype"];

const SCHEME = "boxkite-preload:";
/** Not in a file: Node removes no types from files below node_modules, where this package is. */
const TYPED = { name: "typed", url: `${SCHEME}typed.ts`, source: "export const typed: boolean = true;\n" };

/**
 * Resolved as from a module in the working directory, and so the modules that tasks get. What the image does not have is
 * left out. Resolves to the names of what was loaded.
 */
export async function preloadLibraries(): Promise<readonly string[]> {
  resolveFromRuntime();
  const parentURL = pathToFileURL(join(process.cwd(), "tasks.ts")).href;
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      if (!specifier.startsWith(SCHEME)) return next(specifier, context);
      const name = specifier.slice(SCHEME.length);
      if (name === TYPED.name) return { url: TYPED.url, shortCircuit: true };
      return next(name, { ...context, parentURL });
    },
    load: (url, context, next) =>
      url === TYPED.url
        ? { format: "module-typescript", source: TYPED.source, shortCircuit: true }
        : next(url, context),
  });
  const names = [TYPED.name, ...LIBRARIES];
  const loaded = await Promise.allSettled(names.map((name) => import(`${SCHEME}${name}`)));
  hooks.deregister();
  return names.filter((_, index) => loaded[index]?.status === "fulfilled");
}
