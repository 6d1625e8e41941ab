/** The Pythons of this machine that the programs of the runtime are tried with. */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { homedir } from "node:os";
import { PYTHONS } from "../../src/domain/python-variant.ts";
import { stockPython } from "../helpers/stock-sdk.ts";

export interface MachinePython {
  readonly minor: string;
  readonly path: string;
}

/** One of each version that works; at least that of the stock SDK. */
export function machinePythons(): MachinePython[] {
  const candidates = PYTHONS.flatMap((minor) => [
    `python${minor}`,
    ...globSync(`${homedir()}/.pyenv/versions/${minor}.*/bin/python`),
  ]);
  const found = new Map<string, string>();
  // Not a virtual environment: the stock SDK's has flyte.
  const script = 'import sys, ssl; print("%d.%d" % sys.version_info[:2], sys._base_executable)';
  for (const candidate of [stockPython(), ...candidates]) {
    const { status, stdout } = spawnSync(candidate, ["-c", script], { encoding: "utf8" });
    const [minor = "", path = ""] = stdout?.trim().split(" ") ?? [];
    if (status === 0 && !found.has(minor)) found.set(minor, path);
  }
  return [...found].map(([minor, path]) => ({ minor, path }));
}
