/**
 * Attempts in workers are what they are in containers of their own: generated tasks of the stock SDK run once in each mode,
 * and what became of them is compared.
 */
import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { missingEngine } from "../helpers/engine.ts";
import { startServer } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded } from "../helpers/stock-sdk.ts";
import { casesOf } from "./warm-equivalence/cases.ts";
import { differences } from "./warm-equivalence/differences.ts";
import { documentOf, observe, type Observed, type RunOnServer } from "./warm-equivalence/observe.ts";

const ENGINE = "podman";
/** With flyte inside, and without: there it is mounted. */
const IMAGES = ["ghcr.io/flyteorg/flyte:py3.11-v2.12.1", "docker.io/library/python:3.11-slim"];
const MODES = ["off", "one-shot", "fork", "resident"] as const;
const MODE = { off: undefined, "one-shot": "one_shot", fork: "fork", resident: "resident" } as const;
type Mode = (typeof MODES)[number];

/** Each runs in every mode and image, in which workers have to be made between the calls: not for a machine that is busy. */
const CASES = Number(process.env["WARM_CASES"] ?? 5);
const SEED = Number(process.env["WARM_SEED"] ?? Date.now() % 1_000_000);
/** Seconds between the calls of a parent, in which a worker is made. */
const PAUSE = process.env["WARM_PAUSE"] ?? "1.5";

interface DrivenRun {
  readonly run: string;
  readonly phase: string;
  readonly error: string;
  readonly outcomes: Readonly<Record<string, unknown>> | null;
  readonly actions: readonly string[];
}

suite("tasks in workers", { skip: missingEngine(ENGINE) ?? false, timeout: 1_800_000 }, () => {
  test("are what they are in containers of their own", async (t) => {
    const data = await mkdtemp(join(tmpdir(), "boxkite-warm-"));
    t.after(() => rm(data, { recursive: true, force: true }));
    const server = await startServer(t, {
      args: ["--engine", ENGINE, "--data", join(data, "server"), "--warm-workers", "16"],
    });
    await cp(join(import.meta.dirname, "warm-equivalence"), data, { recursive: true });
    const cases = casesOf(SEED, CASES);
    t.diagnostic(`WARM_SEED=${SEED} WARM_CASES=${CASES}`);
    const found = await Promise.all(
      IMAGES.map(async (image) => {
        const args = ["main.py", server.config, image, JSON.stringify(cases), PAUSE, ...MODES];
        const { stdout } = succeeded(
          await runProgram(stockPython(), args, { cwd: data, timeoutMs: 1_500_000 }),
        );
        return JSON.parse(stdout.split("\n").at(-2) ?? "") as Record<Mode, DrivenRun>;
      }),
    );
    const faults: string[] = [];
    for (const [index, byMode] of found.entries()) {
      const image = IMAGES[index];
      const observed = async (mode: Mode) => {
        const { run, phase, error } = byMode[mode];
        assert.match(phase, /SUCCEEDED/iu, `${mode} of ${image}: ${error}`);
        const place = { url: server.ready.url, data: join(data, "server"), name: run };
        return await observedCases(place, byMode[mode]);
      };
      const cold = await observed("off");
      assert.equal(warmAttempts(cold), 0, "nothing is warm where it is switched off");
      for (const mode of MODES.slice(1)) {
        const inWorkers = await observed(mode);
        const warm = warmAttempts(inWorkers);
        assert.ok(warm >= CASES / 2, `${mode} of ${image}: only ${warm} attempts started in workers`);
        for (const each of cases) {
          const [one, other] = [cold.get(each.case), inWorkers.get(each.case)];
          assert.ok(one && other, `${mode} of ${image}: case ${each.case} is missing`);
          const lines = differences(one.facts, other.facts, MODE[mode]);
          faults.push(...lines.map((line) => `${mode} of ${image}, ${JSON.stringify(each)}: ${line}`));
        }
      }
    }
    assert.equal(faults.length, 0, `WARM_SEED=${SEED} WARM_CASES=${CASES}\n${faults.join("\n")}`);
  });
});

/** By the number of the case. */
async function observedCases(place: RunOnServer, driven: DrivenRun): Promise<Map<number, Observed>> {
  const result = new Map<number, Observed>();
  for (const action of driven.actions) {
    if (action === "a0") continue;
    const entry = await documentOf(place, action);
    const number = entry.inputs.values.find(({ name }) => name === "case")?.text ?? "";
    result.set(Number(number), await observe(place, entry, driven.outcomes?.[number]));
  }
  return result;
}

function warmAttempts(cases: ReadonlyMap<number, Observed>): number {
  return [...cases.values()].flatMap(({ modes }) => modes).filter((mode) => mode !== undefined).length;
}
