/** `boxkite doctor`: what is there, what cannot work, and what to type. */
import { statfs } from "node:fs/promises";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import { chooseExecutor } from "../executors/choose.ts";
import { findRuntime } from "../executors/process/process-executor.ts";
import { silentLogger } from "../lib/log.ts";
import { defaultDataDirectory } from "../server/data-directory.ts";
import { holderOfPort } from "../server/port-holder.ts";
import { EXIT, type Command, type CommandInput } from "./command.ts";

interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly text: string;
  readonly hint?: string | undefined;
}

const LITTLE_DISK_BYTES = 5_000_000_000;

export const doctor: Command = {
  name: "doctor",
  summary: "look at this machine and say what will not work, and how to mend it",
  options: {
    port: { type: "string", value: "N", help: "the port that the server will want (30080)" },
    json: { type: "boolean", help: "one JSON object a line" },
  },
  run: async (input) => {
    const findings = await Promise.all([
      node(),
      port(input),
      disk(input),
      engine(input, "podman"),
      engine(input, "docker"),
      runtime(input),
    ]);
    for (const finding of findings)
      process.stdout.write(input.values["json"] === true ? `${JSON.stringify(finding)}\n` : line(finding));
    // One engine is enough, and without any the process executor will do.
    const usable = findings.some(({ name, ok }) => ok && ["podman", "docker", "a0"].includes(name));
    const broken = findings.some(({ name, ok }) => !ok && ["node", "port", "disk"].includes(name));
    return usable && !broken ? EXIT.ok : EXIT.failed;
  },
};

function line({ name, ok, text, hint }: Finding): string {
  return `${ok ? "ok  " : "--  "}${name.padEnd(8)}${text}\n${hint === undefined ? "" : `            try: ${hint}\n`}`;
}

async function node(): Promise<Finding> {
  const ok = Number(process.versions.node.split(".")[0]) >= 24;
  return { name: "node", ok, text: process.version, ...(ok ? {} : { hint: "npm install --global node@24" }) };
}

async function port({ values }: CommandInput): Promise<Finding> {
  const wanted = Number(values["port"] ?? 30080);
  const holder = await holderOfPort(wanted);
  if (holder === undefined) return { name: "port", ok: true, text: `${wanted} is free` };
  return { name: "port", ok: false, text: `${wanted} is in use by ${holder}`, hint: "boxkite up --port N" };
}

async function disk({ env }: CommandInput): Promise<Finding> {
  const directory = defaultDataDirectory(env);
  const stats = await statfs(directory).catch(() => statfs("/"));
  const free = stats.bavail * stats.bsize;
  const ok = free > LITTLE_DISK_BYTES;
  const text = `${(free / 1e9).toFixed(1)} GB free for ${directory}`;
  return {
    name: "disk",
    ok,
    text,
    ...(ok ? {} : { hint: "free some room, or put the data elsewhere: boxkite up --data DIR" }),
  };
}

/** An engine counts when a container of it reaches a server of this machine; here it is only asked who it is. */
async function engine({ env }: CommandInput, name: "podman" | "docker"): Promise<Finding> {
  try {
    const choice = await chooseExecutor({ engine: name, python: undefined }, env);
    try {
      const executor = await choice.create({ instance: "doctor", dataDirectory: "", log: silentLogger });
      const text = executor.description;
      await executor.close();
      return { name, ok: true, text };
    } finally {
      await choice.close();
    }
  } catch (error) {
    const hint = error instanceof BoxkiteError ? error.hint : undefined;
    return { name, ok: false, text: messageOf(error).split("\n")[0] ?? "", hint };
  }
}

async function runtime({ env }: CommandInput): Promise<Finding> {
  try {
    return { name: "a0", ok: true, text: `${findRuntime(undefined, env)[0]}/a0: --engine process works` };
  } catch (error) {
    return {
      name: "a0",
      ok: false,
      text: "not on PATH: --engine process needs it",
      hint: (error as BoxkiteError).hint,
    };
  }
}
