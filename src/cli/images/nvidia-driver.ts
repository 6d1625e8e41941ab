/** The driver that tasks with a GPU would run with. */
import { readFile } from "node:fs/promises";
import { parseDriverVersion } from "../../images/check/cuda.ts";

/** Undefined where this machine has none; an engine on another machine may have one. */
export async function nvidiaDriver(): Promise<string | undefined> {
  const text = await readFile("/proc/driver/nvidia/version", "utf8").catch(() => "");
  return parseDriverVersion(text);
}
