import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineResponseError } from "../../containers/http.ts";
import type { AttemptSpec } from "../executor.ts";
import { startFailure } from "./start-failure.ts";

const MISSING = (program: string) => `exec: "${program}": executable file not found in $PATH`;

function hintFor(program: string): string | undefined {
  const spec = {
    command: [program],
    args: [],
    image: { reference: "team:1" },
    env: {},
  } as unknown as AttemptSpec;
  const error = new EngineResponseError("start", 500, MISSING(program));
  const context = { engine: "podman", spec, notedExitCode: 127, foreignPlatform: undefined } as const;
  const exit = startFailure(error, context);
  assert.deepEqual([exit.code, exit.reason], ["ENTRYPOINT_NOT_FOUND", "start_failed"]);
  return exit.hint;
}

test("a runtime that the image lacks is installed in the way of its language", () => {
  assert.match(hintFor("a0") ?? "", /RUN pip install flyte/u);
  assert.match(hintFor("a0-ts") ?? "", /RUN npm install --global boxkite/u);
  assert.doesNotMatch(hintFor("serve") ?? "", /flyte|boxkite/u);
});
