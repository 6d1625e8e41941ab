/** A runtime whose `a0` imports a module of the test and runs it, and an image's own packages beside it. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { modulesOf } from "../../src/python-runtime/modules.ts";

/** By path. */
export type Files = Readonly<Record<string, string>>;

export async function writeFiles(directory: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
}

export interface FakePackage {
  readonly version: string;
  readonly requires?: readonly string[];
  readonly files?: Files;
}

export type FakePackages = Readonly<Record<string, FakePackage>>;

/** As installers leave them in a directory of packages. */
export async function installPackages(directory: string, packages: FakePackages): Promise<void> {
  for (const [name, { version, requires = [], files = {} }] of Object.entries(packages)) {
    const head = `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`;
    const metadata = head + requires.map((each) => `Requires-Dist: ${each}\n`).join("");
    await writeFiles(directory, {
      [`${name.replaceAll("-", "_")}-${version}.dist-info/METADATA`]: metadata,
      ...files,
    });
  }
}

export async function writeRuntime(directory: string, packages: FakePackages): Promise<void> {
  await installPackages(join(directory, "packages"), packages);
  const described = Object.entries(packages).map(([name, { version, files = {} }]) => {
    return [name, { version, modules: modulesOf(Object.keys(files)) }] as const;
  });
  await writeFile(
    join(directory, "packages.json"),
    JSON.stringify({ packages: Object.fromEntries(described) }),
  );
}

export const FLYTE: FakePackage = {
  version: "2.12.1",
  files: {
    "flyte/__init__.py": "",
    "flyte/_bin/__init__.py": "",
    "flyte/_bin/runtime.py": `
import importlib, sys
def main():
    sys.path.insert(0, ".")
    return importlib.import_module(sys.argv[1]).run()
`,
  },
};
