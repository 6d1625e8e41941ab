/**
 * Writes the locks of the Python runtime: for each variant the wheels of `flyte` and all that it depends on.
 *
 *   node scripts/lock-runtimes.ts            uses `uv` of PATH, or the program that UV names
 *
 * A variant for which some package has no wheel gets no lock, and is reported; it must then be taken out of VARIANTS.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LOCK_DIRECTORY, type Lock, type LockedWheel } from "../src/python-runtime/lock.ts";
import { VARIANTS, variantName, type Variant } from "../src/domain/python-variant.ts";

const FLYTE = "2.12.1";
const ARCHITECTURES = { amd64: "x86_64", arm64: "aarch64" } as const;
/**
 * The oldest libc for which all packages have wheels: images with it and with newer ones can use them. Wheels for musl
 * name 1.1 or 1.2, and uv asks for those.
 */
const MINIMUM_LIBC = {
  glibc: { amd64: "2.17", arm64: "2.28" },
  musl: { amd64: "1.2", arm64: "1.2" },
} as const;

function platformOf({ libc, arch }: Variant): string {
  const cpu = ARCHITECTURES[arch];
  return libc === "musl"
    ? `${cpu}-unknown-linux-musl`
    : `${cpu}-manylinux_${MINIMUM_LIBC.glibc[arch].replace(".", "_")}`;
}

/** The standard output; undefined if there is no solution. */
function resolve(variant: Variant): string | undefined {
  const options = [
    ["--python-version", variant.python],
    ["--python-platform", platformOf(variant)],
    ["--only-binary", ":all:"],
    ["--format", "pylock.toml"],
  ].flat();
  const { status, stdout, stderr } = spawnSync(
    process.env["UV"] ?? "uv",
    ["pip", "compile", "-", "--no-header", "--no-annotate", "--no-python-downloads", "--quiet", ...options],
    { input: `flyte==${FLYTE}\n`, encoding: "utf8" },
  );
  if (status === 0) return stdout;
  process.stderr.write(`${variantName(variant)}: no lock\n${stderr}\n`);
  return undefined;
}

/** Reads what uv writes, not TOML in general: https://packaging.python.org/en/latest/specifications/pylock-toml/ */
function wheelsOf(pylock: string): LockedWheel[] {
  return pylock
    .split("[[packages]]")
    .slice(1)
    .map((text) => {
      const name = valueOf(text, /^name = "(.+)"$/mu);
      const candidates = [
        ...text.matchAll(/\{ url = "([^"]+\.whl)".*?size = (\d+).*?sha256 = "([0-9a-f]{64})"/gu),
      ];
      const wheels = candidates.map(([, url = "", size, sha256 = ""]) => ({
        name,
        version: valueOf(text, /^version = "(.+)"$/mu),
        file: decodeURIComponent(url.slice(url.lastIndexOf("/") + 1)),
        sha256,
        size: Number(size),
      }));
      const [best] = wheels.toSorted((a, b) => preference(b.file) - preference(a.file));
      if (best === undefined) throw new Error(`${name} has no wheel`);
      return best;
    });
}

function valueOf(text: string, pattern: RegExp): string {
  const value = pattern.exec(text)?.[1];
  if (value === undefined) throw new Error(`no ${pattern} in ${text}`);
  return value;
}

/** uv lists the wheels that fit. Of several the one for the newest Python is taken, with native code before one without. */
function preference(file: string): number {
  const [python = "", abi = ""] = file.slice(0, -".whl".length).split("-").slice(-3);
  const minor = Math.max(...python.split(".").map((tag) => Number(/^cp3(\d+)$/u.exec(tag)?.[1] ?? 0)));
  return 10 * minor + (abi.startsWith("cp") ? 1 : 0);
}

rmSync(LOCK_DIRECTORY, { recursive: true, force: true });
mkdirSync(LOCK_DIRECTORY);
let missing = 0;
for (const variant of VARIANTS) {
  const pylock = resolve(variant);
  if (pylock === undefined) {
    missing++;
    continue;
  }
  const wheels = wheelsOf(pylock).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const { [variant.libc]: oldest } = MINIMUM_LIBC;
  const lock: Lock = { flyte: FLYTE, ...variant, minimumLibc: oldest[variant.arch], wheels };
  const lines = wheels.map((wheel) => `    ${JSON.stringify(wheel)}`);
  const head = JSON.stringify({ ...lock, wheels: [] }, undefined, 2);
  writeFileSync(
    join(LOCK_DIRECTORY, `${variantName(variant)}.json`),
    head.replace('"wheels": []', `"wheels": [\n${lines.join(",\n")}\n  ]`) + "\n",
  );
  const bytes = wheels.reduce((sum, { size }) => sum + size, 0);
  console.log(`${variantName(variant)}: ${wheels.length} wheels, ${Math.round(bytes / 1e6)} MB`);
}
if (missing > 0) process.exit(1);
