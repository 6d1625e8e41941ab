/**
 * Everything that can be said of a checkout without an engine: `npm run check`. Stops at the first failure.
 *
 *   node scripts/check.ts            all
 *   node scripts/check.ts --static   what runs none of its code; a test does it, too
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const bin = (name: string) => join(root, "node_modules/.bin", name);

type Step = readonly [name: string, command: string, ...args: string[]];

const STATIC_STEPS: readonly Step[] = [
  ["format", bin("oxfmt"), "--check"],
  ["lint", bin("oxlint"), "--type-aware"],
  ["types", bin("tsc"), "--noEmit"],
  ["generated code is current", process.execPath, "scripts/gen-wire.ts", "--check"],
  ["documentation is current", process.execPath, "scripts/gen-docs.ts", "--check"],
  ["API reference is current", process.execPath, "docs/typescript/generate-reference.ts", "--check"],
  ["changelog", process.execPath, "scripts/check-changelog.ts"],
];
const UNIT_TESTS: Step = ["unit tests", process.execPath, "scripts/test.ts", "unit"];

const steps = process.argv.includes("--static") ? STATIC_STEPS : [...STATIC_STEPS, UNIT_TESTS];
for (const [name, command, ...args] of steps) {
  const started = Date.now();
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  if (status !== 0) process.exit(1);
}
