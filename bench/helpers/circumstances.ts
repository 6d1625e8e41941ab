/** When, where and with what a benchmark is measured. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import type { Circumstances, Disk } from "../report/stored-row.ts";
import { fdatasyncMs } from "./disk.ts";
import { PYTHON } from "./server.ts";
import { quantile } from "./stats.ts";

/** How a source ends that was not committed. */
const CHANGED = " with changes";
const ROOT = join(import.meta.dirname, "../..");

/** Read right before a benchmark, so that a row says what the disk and the load were like. */
export async function circumstances(quick: boolean): Promise<Circumstances> {
  return {
    at: new Date().toISOString(),
    machine: machine(),
    versions: versions(),
    source: source(),
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
    disk: await measureDisk(quick ? 20 : 300),
  };
}

/** What measures: a benchmark that was changed is another one. Results and the report are not of it. */
const MEASURES = ["bench/helpers", "bench/measures", "bench/peers", "bench/programs"] as const;

/** The trees of `src` and of what measures it, as they are committed; changes that are not committed are marked. */
export function source(directory = ROOT): string {
  const git = (args: readonly string[]) => firstLine("git", ["-C", directory, ...args]);
  const tree = (path: string) => git(["rev-parse", `HEAD:${path}`]) ?? "unknown";
  const measures = createHash("sha256").update(MEASURES.map(tree).join("\n")).digest("hex").slice(0, 12);
  const changes = git(["status", "--porcelain", "--", "src", ...MEASURES]) ?? "";
  return `${tree("src")}, measured by ${measures}${changes === "" ? "" : CHANGED}`;
}

function machine(): string {
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  const [processor] = cpus();
  return `${cpus().length} × ${processor?.model ?? "unknown processor"}, ${gigabytes} GiB, kernel ${release()}`;
}

function versions(): string {
  const flyte = firstLine(PYTHON, ["-c", "import importlib.metadata as m; print(m.version('flyte'))"]);
  const podman = firstLine("podman", ["--version"])?.replace("podman version", "Podman");
  const known = [`Node ${process.version.slice(1)}`, flyte && `flyte ${flyte}`, podman];
  return known.filter(Boolean).join(", ");
}

async function measureDisk(count: number): Promise<Disk> {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-bench-"));
  const times = fdatasyncMs(directory, count);
  await rm(directory, { recursive: true });
  const rounded = (q: number) => Number(quantile(times, q).toPrecision(3));
  return { p50Ms: rounded(0.5), p99Ms: rounded(0.99) };
}

/** Undefined where the program is not there or fails. */
function firstLine(program: string, args: readonly string[]): string | undefined {
  try {
    const output = execFileSync(program, [...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return output.split("\n")[0];
  } catch {
    return undefined;
  }
}
