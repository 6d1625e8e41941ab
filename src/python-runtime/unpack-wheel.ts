/**
 * Installs wheels into a directory that is to be on Python's module path. Console scripts, headers and data files are
 * left out. By https://packaging.python.org/en/latest/specifications/binary-distribution-format/
 */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readZip } from "./zip.ts";

/** Whatever the umask is: containers run as any user. */
const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;
/** The parts of the `.data` directory that belong on the module path. */
const LIBRARIES = ["purelib", "platlib"];

/** Returns the paths of the files. Throws an Error where the wheel is damaged or reaches outside. */
export async function unpackWheel(wheel: Buffer, directory: string): Promise<string[]> {
  const made = new Map<string, Promise<void>>();
  const makeDirectory = (path: string): Promise<void> => {
    let making = made.get(path);
    if (making === undefined) made.set(path, (making = make(path)));
    return making;
  };
  const make = async (path: string): Promise<void> => {
    if (path === directory) return;
    await makeDirectory(dirname(path));
    await mkdir(path, { recursive: true });
    await chmod(path, DIRECTORY_MODE);
  };
  const unpacked: string[] = [];
  // One by one: there are as many wheels at a time as are useful.
  for (const file of readZip(wheel)) {
    const path = installedPath(file.name);
    if (path === undefined) continue;
    if (file.isSymbolicLink) throw new Error(`${file.name} is a symbolic link`);
    const target = join(directory, path);
    await makeDirectory(dirname(target));
    // Two wheels with one file would leave it to chance which one counts.
    await writeFile(target, await file.read(), { flag: "wx" });
    await chmod(target, FILE_MODE);
    unpacked.push(path);
  }
  return unpacked;
}

/** Undefined for a file that is left out. */
function installedPath(name: string): string | undefined {
  const parts = name.split("/");
  const isUnsafe = parts.some(
    (part) => part === "" || part === "." || part === ".." || /[\\\0:]/u.test(part),
  );
  if (isUnsafe) throw new Error(`${JSON.stringify(name)} is not a path inside of the wheel's directory`);
  const [first = "", kind = "", ...rest] = parts;
  if (!first.endsWith(".data") || rest.length === 0) return name;
  return LIBRARIES.includes(kind) ? rest.join("/") : undefined;
}
