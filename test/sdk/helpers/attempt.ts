/** Attempts of `a0-ts`, with files instead of an object store, and no server. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  ErrorDocumentSchema,
  type ContainerError,
} from "../../../src/wire/gen/flyteidl2/core/execution_pb.js";
import { InputsSchema, OutputsSchema, type Inputs } from "../../../src/wire/gen/flyteidl2/task/common_pb.js";
import { encodeLiteral } from "../../../src/wire/literals/encode.ts";

export const A0_TS = join(import.meta.dirname, "../../../bin/a0-ts.cjs");

/** What an attempt wrote under its output prefix. */
export interface Written {
  readonly outputs: string | number | bigint | undefined;
  readonly error: ContainerError | undefined;
  readonly report: string | undefined;
}

export interface Ended extends Written {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Start {
  readonly export: string;
  readonly module?: string;
  readonly inputs?: Inputs;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly onLine?: (line: string, kill: (signal: NodeJS.Signals) => void) => void;
}

export interface PreparedAttempt {
  readonly args: readonly string[];
  /** Of this attempt only. */
  readonly env: Readonly<Record<string, string>>;
  /** What it wrote in this directory. @default where it was told to */
  read(directory?: string): Written;
  /** What its inputs file has, which is removed. */
  takeInputs(): string;
}

/** Variables that all attempts of a container have. */
export const CONTAINER_ENV: Readonly<Record<string, string>> = {
  PATH: process.env["PATH"] ?? "",
  NODE_DISABLE_COMPILE_CACHE: "1",
  _U_ORG_NAME: "local",
  FLYTE_INTERNAL_EXECUTION_PROJECT: "p",
  FLYTE_INTERNAL_EXECUTION_DOMAIN: "d",
};

export function makeFolder(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "boxkite-runtime-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** Writes the inputs into a new folder below `cwd`, where the outputs will be, too. */
export function prepareAttempt(cwd: string, options: Omit<Start, "onLine">): PreparedAttempt {
  const work = mkdtempSync(join(cwd, "attempt-"));
  const inputs = join(work, "inputs.pb");
  writeFileSync(inputs, toBinary(InputsSchema, options.inputs ?? create(InputsSchema)));
  const out = join(work, "out");
  const given = {
    "--inputs": inputs,
    "--outputs-path": out,
    "--version": "v",
    "--raw-data-path": join(work, "raw"),
    "--checkpoint-path": join(work, "checkpoint"),
    "--prev-checkpoint": '""',
    "--run-name": "{{.runName}}",
    "--name": "{{.actionName}}",
    "--run-start-time": "2026-01-02T03:04:05Z",
  };
  const resolver = ["--resolver", "ts", "mod", options.module ?? "tasks.ts", "export", options.export];
  return {
    args: [...Object.entries(given).flat(), ...(options.args ?? []), ...resolver],
    env: { _U_RUN_BASE: work, ACTION_NAME: "a0", RUN_NAME: "r", ...(options.env as Record<string, string>) },
    takeInputs: () => {
      const bytes = readFileSync(inputs);
      rmSync(inputs);
      return bytes.toString("base64");
    },
    read: (directory = out) => ({
      outputs: readOutput(join(directory, "outputs.pb")),
      error: readError(join(directory, "error.pb")),
      report: existsSync(join(out, "report.html"))
        ? readFileSync(join(out, "report.html"), "utf8")
        : undefined,
    }),
  };
}

/** As a platform starts it in a container of its own. */
export async function startCold(cwd: string, options: Start): Promise<Ended> {
  const { args, env, read } = prepareAttempt(cwd, options);
  const child = spawn(process.execPath, [A0_TS, ...args], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...CONTAINER_ENV, ...env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    options.onLine?.(text, (signal) => child.kill(signal));
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr, ...read() };
}

export const oneInteger = (n: number): Inputs =>
  create(InputsSchema, {
    literals: [{ name: "n", value: encodeLiteral(n, { kind: "integer", bigint: false }, "n") }],
  });

function readOutput(path: string): Written["outputs"] {
  if (!existsSync(path)) return undefined;
  const [first] = fromBinary(OutputsSchema, readFileSync(path)).literals;
  const scalar = first?.value?.value.case === "scalar" ? first.value.value.value.value : undefined;
  const value = scalar?.case === "primitive" ? scalar.value.value.value : undefined;
  return typeof value === "object" ? value.seconds : typeof value === "boolean" ? undefined : value;
}

function readError(path: string): ContainerError | undefined {
  return existsSync(path) ? fromBinary(ErrorDocumentSchema, readFileSync(path)).error : undefined;
}
