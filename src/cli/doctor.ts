/** `boxkite doctor`: what was found, what cannot work, and the command that helps. */
import { statfs } from "node:fs/promises";
import { messageOf, type BoxkiteError } from "../domain/errors.ts";
import { LIVE_PATH } from "../platform/probe-container.ts";
import { findRuntime } from "../executors/process/find-runtime.ts";
import { defaultDataDirectory } from "../server/data-directory.ts";
import { holderOfPort } from "../server/port-holder.ts";
import { systemClock } from "../lib/clock.ts";
import { checkAccess } from "./access-check.ts";
import type { CheckResult } from "./check-result.ts";
import { DEFAULT_PORT } from "./default-port.ts";
import { checkEngine } from "./engine-check.ts";
import { optionOf, wholeNumber } from "./check-setting.ts";
import { EXIT, type Command, type CommandInput } from "./command.ts";

/** What runs tasks. */
const RUNNERS = ["podman", "docker", "a0"];
const INDENT = " ".repeat(12);
const LITTLE_DISK_BYTES = 5_000_000_000;

export const doctor: Command = {
  name: "doctor",
  summary: "check this machine and say what will not work, and how to mend it",
  options: {
    port: { type: "string", value: "N", help: `the port that the server will want (${DEFAULT_PORT})` },
    data: { type: "string", value: "DIR", help: "the server's data directory (~/.local/share/boxkite)" },
    config: { type: "string", value: "FILE", help: "the server's settings file: who may connect, and TLS" },
    json: { type: "boolean", help: "one JSON object a line" },
  },
  run: async (input) => {
    const wanted = wholeNumber(optionOf(input, "port"), DEFAULT_PORT, 0, 65_535);
    const results = await Promise.all([
      node(),
      port(wanted),
      disk(input),
      engine(input, "podman"),
      engine(input, "docker"),
      runtime(input),
    ]);
    const connectionsOf = (engine: string) =>
      results.find(
        ({ name, ok, containerConnections }) =>
          ok && containerConnections !== undefined && (engine === "auto" || name === engine),
      )?.containerConnections;
    results.push(...(await checkAccess(input, wanted, connectionsOf, systemClock)));
    for (const finding of results)
      process.stdout.write(input.values["json"] === true ? `${JSON.stringify(finding)}\n` : line(finding));
    // One engine is enough, and without any the process executor will do.
    const usable = results.some(({ name, ok }) => ok && RUNNERS.includes(name));
    const broken = results.some(({ name, ok }) => !ok && !RUNNERS.includes(name));
    return usable && !broken ? EXIT.ok : EXIT.failed;
  },
};

function line({ name, ok, text, hint, advice = [] }: CheckResult): string {
  const try_ = (each: string | undefined) => (each === undefined ? [] : [`${INDENT}try: ${each}`]);
  return [
    `${ok ? "ok  " : "--  "}${name.padEnd(8)}${text.replaceAll("\n", `\n${INDENT}`)}`,
    ...try_(hint),
    ...advice.flatMap((each) => [`${INDENT}but: ${each.what}`, ...try_(each.hint)]),
    "",
  ].join("\n");
}

async function node(): Promise<CheckResult> {
  const ok = Number(process.versions.node.split(".")[0]) >= 24;
  return { name: "node", ok, text: process.version, ...(ok ? {} : { hint: "npm install --global node@24" }) };
}

async function port(wanted: number): Promise<CheckResult> {
  const holder = await holderOfPort(wanted);
  if (holder === undefined) return { name: "port", ok: true, text: `${wanted} is free` };
  if (await isBoxkite(wanted))
    return { name: "port", ok: true, text: `${wanted} is in use by a Boxkite server: ${holder}` };
  return { name: "port", ok: false, text: `${wanted} is in use by ${holder}`, hint: "boxkite up --port N" };
}

async function isBoxkite(port: number): Promise<boolean> {
  const signal = AbortSignal.timeout(2_000);
  const answer = await fetch(`http://127.0.0.1:${port}${LIVE_PATH}`, { signal }).catch(() => undefined);
  return answer?.ok === true && (await answer.text()) === "ok\n";
}

async function disk({ env }: CommandInput): Promise<CheckResult> {
  const directory = defaultDataDirectory(env);
  const stats = await statfs(directory).catch(() => statfs("/"));
  const free = stats.bavail * stats.bsize;
  const ok = free > LITTLE_DISK_BYTES;
  const text = `${(free / 1e9).toFixed(1)} GB free for ${directory}`;
  return {
    name: "disk",
    ok,
    text,
    ...(ok ? {} : { hint: "free some space, or put the data elsewhere: boxkite up --data DIR" }),
  };
}

async function engine({ env }: CommandInput, name: "podman" | "docker"): Promise<CheckResult> {
  return { name, ...(await checkEngine(name, env)) };
}

async function runtime({ env }: CommandInput): Promise<CheckResult> {
  try {
    return { name: "a0", ok: true, text: `found in ${findRuntime(undefined, env)}: --engine process works` };
  } catch (error) {
    return {
      name: "a0",
      ok: false,
      text: messageOf(error),
      hint: (error as BoxkiteError).hint,
    };
  }
}
