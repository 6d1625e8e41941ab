/** Which modules a package installs: boot.py takes the ones that were asked for from the runtime. */

const INIT = /^__init__\.[\w.-]+$/u;
/** `module.py`, `module.abi3.so` or `module.cpython-311-x86_64-linux-gnu.so`. */
const MODULE_FILE = /^([^\W\d]\w*)\.(?:py|(?:[\w.-]+\.)?so)$/u;
const IDENTIFIER = /^[^\W\d]\w*$/u;

/**
 * Of each file the outermost module that is the package's own: a directory without `__init__` is shared by several
 * packages (PEP 420), so of `google/protobuf/message.py` it is `google.protobuf`.
 */
export function modulesOf(files: readonly string[]): string[] {
  const packages = new Set(
    files.filter((path) => INIT.test(nameOf(path))).map((path) => path.split("/").slice(0, -1).join("/")),
  );
  const modules = new Set<string>();
  for (const path of files) {
    const module = moduleOf(path.split("/"), packages);
    if (module !== undefined) modules.add(module);
  }
  return [...modules].toSorted();
}

function moduleOf(parts: readonly string[], packages: ReadonlySet<string>): string | undefined {
  for (let depth = 1; depth < parts.length; depth++) {
    if (!IDENTIFIER.test(parts[depth - 1] ?? "")) return undefined;
    if (packages.has(parts.slice(0, depth).join("/"))) return parts.slice(0, depth).join(".");
  }
  const file = MODULE_FILE.exec(parts.at(-1) ?? "")?.[1];
  return file === undefined ? undefined : [...parts.slice(0, -1), file].join(".");
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
