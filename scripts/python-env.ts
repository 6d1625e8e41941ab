/** Virtual environments for the scripts and tests that need stock Python packages. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/**
 * Makes a virtual environment with the given requirements and returns the path of its interpreter.
 * An existing one is reused as it is.
 */
export function createVenv(directory: string, requirements: readonly string[], python = "python3"): string {
  const interpreter = join(directory, "bin/python");
  if (existsSync(interpreter)) return interpreter;
  execFileSync(python, ["-m", "venv", directory], { stdio: ["ignore", "ignore", "inherit"] });
  execFileSync(interpreter, ["-m", "pip", "install", "--quiet", ...requirements], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return interpreter;
}
