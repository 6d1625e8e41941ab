import assert from "node:assert/strict";
import { test } from "node:test";
import { DockerProgress } from "./docker-progress.ts";
import type { ContainerfileStep } from "./instructions.ts";

const step = (text: string): ContainerfileStep => ({
  text,
  summary: `short ${text.slice(0, 3)}`,
  firstLine: 1,
  lastLine: 1,
  layer: 1,
  title: "layer 1",
});

function read(text: string, steps: string[] = []): { log: DockerProgress; shown: (string | undefined)[] } {
  const log = new DockerProgress(steps.map(step));
  return { log, shown: text.split("\n").map((line) => log.push(line)) };
}

test("BuildKit in the client (20.10) reports the layer; the script is shown nowhere", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const output = `#4 [1/3] FROM docker.io/library/debian:12-slim
#4 ${digest}
#4 DONE 0.0s

#5 [2/3] RUN true
#5 DONE 0.7s

#6 [3/3] RUN set -e;   cat /no/such
#6 ${digest}
#6 0.331 about to fail
#6 0.332 cat: /no/such: No such file or directory
#6 ERROR: executor failed running [/bin/sh -c set -e;   cat /no/such]: exit code: 1
------
 > [3/3] RUN set -e;   cat /no/such:
------
executor failed running [/bin/sh -c set -e;   cat /no/such]: exit code: 1`;
  const { log, shown } = read(output, ["FROM x", "ENV a=b", "RUN true", "RUN set"]);
  assert.deepEqual(log.at(), { layer: 2 });
  assert.deepEqual(log.lines(), [
    "about to fail",
    "cat: /no/such: No such file or directory",
    "exit code: 1",
  ]);
  assert.ok(shown.includes("#6 [3/3] short RUN"));
  assert.doesNotMatch(shown.join("\n"), /set -e/);
});

test("buildx reports the line, and repeats the output of the step that failed", () => {
  const { log, shown } = read(
    `#5 [stage-0 2/2] RUN cat /no/such
#5 0.212 cat: /no/such: No such file or directory
#5 ERROR: process "/bin/sh -c cat /no/such" did not complete successfully: exit code: 1
------
 > [stage-0 2/2] RUN cat /no/such:
0.212 cat: /no/such: No such file or directory
------
Containerfile:7
--------------------
   5 |     # Layer 1
   7 | >>> RUN cat /no/such
--------------------
ERROR: failed to solve: process "/bin/sh -c cat /no/such" did not complete successfully: exit code: 1`,
    ["FROM x", "RUN cat /no/such"],
  );
  assert.deepEqual(log.at(), { line: 7 });
  assert.deepEqual(log.lines(), ["cat: /no/such: No such file or directory", "exit code: 1"]);
  assert.doesNotMatch(shown.join("\n"), /RUN cat/);
});

test("what a step prints is left as it is", () => {
  const { log } = read(`#5 [2/2] RUN yarn
#5 0.212 [1/4] Resolving packages...
#5 0.220    3 | const x = 1`);
  assert.deepEqual(log.lines(), ["[1/4] Resolving packages...", "   3 | const x = 1"]);
});

test("what BuildKit could not do itself is its error", () => {
  const { log } = read(`#5 [2/2] COPY context/a .
#5 ERROR: failed to calculate checksum of ref x: "/context/a": not found
------
 > [2/2] COPY context/a .:
------
ERROR: failed to solve: failed to compute cache key: "/context/a": not found`);
  assert.deepEqual(log.at(), { layer: 1 });
  assert.deepEqual(log.lines(), ['failed to compute cache key: "/context/a": not found']);
});

test("the classic builder reports the instruction, with colours", () => {
  const { log, shown } = read(
    `Step 2/3 : ENV A=b
 ---> 8c0676a61f08
Step 3/3 : RUN cat /no/such
 ---> Running in 1ad44cf6139a
\u001b[91mcat: /no/such: No such file or directory
\u001b[0mThe command '/bin/sh -c cat /no/such' returned a non-zero code: 1`,
    ["FROM x", "ENV A=b", "RUN cat"],
  );
  assert.deepEqual(log.at(), { step: 2 });
  assert.deepEqual(log.lines(), ["cat: /no/such: No such file or directory", "exit code: 1"]);
  assert.equal(shown[2], "Step 3/3 : short RUN");
});
