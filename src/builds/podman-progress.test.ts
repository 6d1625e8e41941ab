import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerfileStep } from "./instructions.ts";
import { PodmanProgress } from "./podman-progress.ts";

const step = (text: string, summary: string): ContainerfileStep => ({
  text,
  summary,
  firstLine: 1,
  lastLine: 1,
  layer: 1,
  title: "layer 1",
});
const STEPS = [step("FROM base", "FROM base"), step("RUN set -e; pip install x", "pip install x")];

/** What is logged, too. */
function read(text: string): { progress: PodmanProgress; logged: (string | undefined)[] } {
  const progress = new PodmanProgress(STEPS);
  return { progress, logged: text.split("\n").map((line) => progress.push(line)) };
}

test("a failed step has its output and its exit status; the script is not repeated", () => {
  const { progress, logged } = read(`STEP 1/2: FROM base
STEP 2/2: RUN set -e; echo '": a'; pip install x
ERROR: No matching distribution found for x
Error: building at STEP "RUN set -e; echo '": a'; pip install x": while running runtime: exit status 1`);
  assert.deepEqual(progress.at(), { step: 1 });
  assert.deepEqual(progress.lines(), ["ERROR: No matching distribution found for x", "exit status 1"]);
  assert.deepEqual(logged, ["STEP 1/2: FROM base", "STEP 2/2: pip install x", ...progress.lines()]);
});

test("the instruction in the error may have several lines", () => {
  const { progress, logged } = read(`STEP 2/2: RUN /bin/sh -c echo one
output
Error: building at STEP "RUN /bin/sh -c echo '": one'
echo two": while running runtime: exit status 4`);
  assert.deepEqual(progress.lines(), ["output", "exit status 4"]);
  assert.deepEqual(logged, ["STEP 2/2: pip install x", "output", undefined, "exit status 4"]);
});

test("what podman could not do itself is its error", () => {
  const { progress } = read(`STEP 1/2: FROM base
STEP 2/2: COPY context/x .
Error: building at STEP "COPY context/x .": checking on sources under "/tmp/root": copier: stat: "/context/x": no such file or directory`);
  assert.deepEqual(progress.lines(), [
    'Error: checking on sources under "/tmp/root": copier: stat: "/context/x": no such file or directory',
  ]);
  assert.deepEqual(read("Error: error creating build container: x").progress.lines(), [
    "Error: error creating build container: x",
  ]);
});

test("another reason of a RUN is in the last line", () => {
  const reason = 'RUN set -e; pip install x": committing container for step: writing blob: x';
  assert.deepEqual(read(`STEP 2/2: RUN\nError: building at STEP "${reason}`).progress.lines(), [
    `Error: ${reason}`,
  ]);
});

test("what a step prints is left as it is", () => {
  const line = 'building at STEP "RUN true": while running runtime: exit status 1';
  assert.deepEqual(read(`STEP 2/2: RUN true\n${line}`).progress.lines(), [line]);
});
