/** The package as users get it: built, packed, unpacked into a project, next to its dependencies. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "../../..");

let packed: string | undefined;

/** The path of the tarball: made once for all test files where the runner did it, else once per process. */
export function packedTarball(): string {
  if (packed !== undefined) return packed;
  const given = process.env["BOXKITE_TEST_TARBALL"];
  if (given !== undefined) return (packed = given);
  const scratch = mkdtempSync(join(tmpdir(), "boxkite-pack-"));
  process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
  const stage = join(scratch, "stage");
  mkdirSync(stage);
  execFileSync(process.execPath, [join(root, "scripts/build.ts"), join(stage, "dist")], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  for (const name of ["bin", "NOTICE", "README.md", "LICENSE"]) {
    if (existsSync(join(root, name))) cpSync(join(root, name), join(stage, name), { recursive: true });
  }
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<string, unknown>;
  delete manifest["scripts"];
  delete manifest["devDependencies"];
  writeFileSync(join(stage, "package.json"), JSON.stringify(manifest, null, 2));
  const output = execFileSync("npm", ["pack", "--silent", "--pack-destination", scratch], {
    cwd: stage,
    encoding: "utf8",
  });
  packed = join(scratch, output.trim().split("\n").at(-1) ?? "");
  return packed;
}

export interface UserProject {
  readonly directory: string;
  /** The folder with `a0-ts`, for a server's PATH. */
  readonly bin: string;
}

/**
 * A project with the packed package and zod in node_modules. The dependencies are links to this
 * checkout's, so that the test needs no registry; test/sdk/package.test.ts installs them for real.
 */
export function createProject(files: Readonly<Record<string, string>>): UserProject {
  const directory = mkdtempSync(join(tmpdir(), "boxkite-user-"));
  const modules = join(directory, "node_modules");
  mkdirSync(join(modules, "boxkite"), { recursive: true });
  execFileSync("tar", ["-xzf", packedTarball(), "-C", join(modules, "boxkite"), "--strip-components", "1"]);
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (!name.startsWith(".")) symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  const programs = join(modules, ".bin");
  mkdirSync(programs);
  writeFileSync(
    join(programs, "a0-ts"),
    `#!/bin/sh\nexec "${process.execPath}" "${modules}/boxkite/bin/a0-ts.cjs" "$@"\n`,
  );
  chmodSync(join(programs, "a0-ts"), 0o755);
  for (const [name, text] of Object.entries({ "package.json": '{ "type": "module" }\n', ...files })) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return { directory, bin: programs };
}
