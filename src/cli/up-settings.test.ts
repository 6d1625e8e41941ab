import assert from "node:assert/strict";
import { test } from "node:test";
import { readUpSettings } from "./up-settings.ts";

type Values = Readonly<Record<string, string | boolean>>;
const read = (values: Values, env: NodeJS.ProcessEnv = {}) =>
  readUpSettings({ values, positionals: [], env });

test("a flag wins over a variable", async () => {
  const { port, ephemeral } = await read({ port: "1" }, { BOXKITE_PORT: "2", BOXKITE_EPHEMERAL: "true" });
  assert.deepEqual([port, ephemeral], [1, true]);
});

test("a value that would do nothing is refused, with its origin", async () => {
  const rows: readonly [Values, NodeJS.ProcessEnv, RegExp][] = [
    [{}, { BOXKITE_EPHEMERAL: "1" }, /^BOXKITE_EPHEMERAL is "1"; it must be true or false/u],
    [{}, { BOXKITE_EPHEMERAL: "yes" }, /true or false/u],
    [{ python: "python3" }, {}, /^--python is for --engine process only/u],
    [{ engine: "podman" }, { BOXKITE_PYTHON: "python3" }, /^BOXKITE_PYTHON is for --engine process only/u],
  ];
  for (const [values, env, message] of rows)
    await assert.rejects(read(values, env), { code: "CONFIG_INVALID", message });
  assert.equal((await read({ python: "python3", engine: "process" })).python, "python3");
  assert.equal((await read({}, { BOXKITE_EPHEMERAL: "false" })).ephemeral, false);
});
