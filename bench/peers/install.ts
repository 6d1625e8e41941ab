/**
 * `node bench/peers/install.ts [NAME…]`: installs the products of others from their registries into the cache. Versions are
 * those that are known to work together; what cannot be installed is said, and its rows are left out.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../src/domain/errors.ts";
import { CACHE, venvProgram } from "./cache.ts";

const INSTALLERS: Readonly<Record<string, () => void>> = {
  restate: () => {
    const directory = folder("restate");
    writeFileSync(join(directory, "package.json"), '{ "private": true }\n');
    const packages = ["restate-server@1.7.12", "restate-sdk@1.17.2", "restate-sdk-clients@1.17.2"];
    run(
      "npm",
      ["install", "--no-audit", "--no-fund", ...packages.map((name) => `@restatedev/${name}`)],
      directory,
    );
  },
  dbos: () => venv("dbos", "dbos==3.4.*", "psycopg[binary]"),
  // A newer FastAPI has removed what Prefect passes to it.
  prefect: () => venv("prefect", "prefect==3.8.8", "fastapi==0.139.*", "sqlalchemy<2.1"),
  dagster: () => venv("dagster", "dagster==1.13.27"),
  temporal: () => {
    venv("temporal", "temporalio==1.35.*");
    // Built from the Go module proxy: about fifteen minutes.
    run("go", ["install", "go.temporal.io/server/cmd/server@v1.32.0"], CACHE, {
      GOBIN: join(CACHE, "temporal", "bin"),
      GOFLAGS: "-buildvcs=false",
    });
  },
};

function venv(name: string, ...packages: readonly string[]): void {
  run("python3", ["-m", "venv", folder(name)], CACHE);
  run(venvProgram(name, "pip"), ["install", "--quiet", ...packages], CACHE);
}

function folder(name: string): string {
  const directory = join(CACHE, name);
  mkdirSync(directory, { recursive: true });
  return directory;
}

function run(program: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): void {
  execFileSync(program, [...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
}

let failures = 0;
const names = process.argv.slice(2);
mkdirSync(CACHE, { recursive: true });
for (const [name, install] of Object.entries(INSTALLERS)) {
  if (names.length > 0 && !names.includes(name)) continue;
  try {
    install();
    console.log(`${name}: installed in ${join(CACHE, name)}`);
  } catch (error) {
    failures++;
    console.error(`${name}: could not be installed: ${messageOf(error)}`);
  }
}
process.exitCode = failures > 0 ? 1 : 0;
