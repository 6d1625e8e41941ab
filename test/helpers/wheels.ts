/** A stand-in for a package that is too large for a test and that no task imports. */
import { execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";

const SCRIPT = `
import sys, zipfile
directory, name, version = sys.argv[1:]
info = f"{name}-{version}.dist-info"
with zipfile.ZipFile(f"{directory}/{name}-{version}-py3-none-any.whl", "w") as wheel:
    wheel.writestr(f"{name}/__init__.py", f'__version__ = "{version}"\\n')
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/RECORD", "")
`;

/** Writes the wheel into the directory, where pip finds it by --find-links. */
export async function writeStandInWheel(
  python: string,
  directory: string,
  name: string,
  version: string,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  execFileSync(python, ["-c", SCRIPT, directory, name, version]);
}
