import assert from "node:assert/strict";
import { test } from "node:test";
import { DockerProgress } from "./docker-progress.ts";

function read(text: string): DockerProgress {
  const log = new DockerProgress();
  for (const line of text.split("\n")) log.push(line);
  return log;
}

test("BuildKit in the client (20.10) tells the layer", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const log = read(`#4 [1/3] FROM docker.io/library/debian:12-slim
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
executor failed running [/bin/sh -c set -e;   cat /no/such]: exit code: 1`);
  assert.deepEqual(log.at(), { layer: 2 });
  assert.deepEqual(log.lines(), [
    "[3/3] RUN set -e;   cat /no/such",
    "about to fail",
    "cat: /no/such: No such file or directory",
    "executor failed running [/bin/sh -c set -e;   cat /no/such]: exit code: 1",
  ]);
});

test("buildx tells the line", () => {
  const log = read(`#5 [stage-0 2/2] RUN cat /no/such
#5 0.212 cat: /no/such: No such file or directory
#5 ERROR: process "/bin/sh -c cat /no/such" did not complete successfully: exit code: 1
------
 > [stage-0 2/2] RUN cat /no/such:
0.212 cat: /no/such: No such file or directory
------
Containerfile:7
--------------------`);
  assert.deepEqual(log.at(), { line: 7 });
});

test("the classic builder tells the instruction, with colours", () => {
  const log = read(`Step 2/3 : ENV A=b
 ---> 8c0676a61f08
Step 3/3 : RUN cat /no/such
 ---> Running in 1ad44cf6139a
\u001b[91mcat: /no/such: No such file or directory
\u001b[0mThe command '/bin/sh -c cat /no/such' returned a non-zero code: 1`);
  assert.deepEqual(log.at(), { step: 2 });
  assert.deepEqual(log.lines().slice(1), [
    "cat: /no/such: No such file or directory",
    "The command '/bin/sh -c cat /no/such' returned a non-zero code: 1",
  ]);
});
