import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
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
  assert.equal((await read({}, { BOXKITE_EPHEMERAL: "false" })).ephemeral, false);
});

test("a request for too many processors is capped where a flag, a variable or the file says so", async (t) => {
  assert.equal((await read({})).capCpu, false);
  assert.equal((await read({ "cap-cpu": true })).capCpu, true);
  assert.equal((await read({}, { BOXKITE_CAP_CPU: "true" })).capCpu, true);
  const config = join(await temporaryDirectory(t), "boxkite.yaml");
  await writeFile(config, "cap-cpu: true\n");
  assert.equal((await read({ config })).capCpu, true);
});

test("images are checked before runs, unless a flag, a variable or the file says otherwise", async (t) => {
  assert.equal((await read({})).imageCheck, true);
  assert.equal((await read({ "no-image-check": true })).imageCheck, false);
  assert.equal((await read({}, { BOXKITE_IMAGE_CHECK: "false" })).imageCheck, false);
  const config = join(await temporaryDirectory(t), "boxkite.yaml");
  await writeFile(config, "image-check: false\n");
  assert.equal((await read({ config })).imageCheck, false);
});

test("what is kept warm, and what it may take", async (t) => {
  const { warmStarts, maxParallel } = await read({});
  assert.deepEqual(warmStarts, { setting: "one_shot", memory: { share: 0.25 }, workers: maxParallel });
  const config = join(await temporaryDirectory(t), "boxkite.yaml");
  await writeFile(config, "warm-starts: fork\nwarm-memory: 1.5GiB\nwarm-workers: 3\n");
  assert.deepEqual((await read({ config })).warmStarts, {
    setting: "fork",
    memory: { bytes: 1.5 * 1024 ** 3 },
    workers: 3,
  });
  assert.equal((await read({ config, "warm-starts": "off" })).warmStarts.setting, "off");
  assert.deepEqual((await read({}, { BOXKITE_WARM_MEMORY: "512MiB" })).warmStarts.memory, { bytes: 2 ** 29 });
  assert.deepEqual((await read({ "warm-memory": "0%" })).warmStarts.memory, { share: 0 });
  const rows: readonly [Values, RegExp][] = [
    [{ "warm-starts": "hot" }, /^--warm-starts is "hot"; it must be off, one-shot or fork/u],
    ...["101%", "2", "-1%", "2GB", "%"].map((value): [Values, RegExp] => [
      { "warm-memory": value },
      /^--warm-memory is .* such as 25%/u,
    ]),
    [{ "warm-workers": "-1" }, /^--warm-workers is "-1"; it must be a whole number from 0/u],
    [{ engine: "process", "warm-starts": "fork" }, /^--warm-starts is for containers/u],
    [{ engine: "process", "warm-workers": "1" }, /^--warm-workers is for containers/u],
  ];
  for (const [values, message] of rows)
    await assert.rejects(read(values), { code: "CONFIG_INVALID", message });
  assert.equal((await read({ engine: "process", "warm-starts": "off" })).warmStarts.setting, "off");
  assert.equal((await read({ engine: "process" })).warmStarts.setting, "one_shot");
});

test("which image a tag names for a run", async () => {
  assert.equal((await read({})).imagePolicy, "always");
  assert.equal((await read({ "image-policy": "pinned" })).imagePolicy, "pinned");
  assert.equal((await read({}, { BOXKITE_IMAGE_POLICY: "pinned" })).imagePolicy, "pinned");
  await assert.rejects(read({ "image-policy": "never" }), {
    message: '--image-policy is "never"; it must be always or pinned',
  });
});

test("a path begins where it was given: in the working directory, or at the settings file", async (t) => {
  const directory = await temporaryDirectory(t);
  const config = join(directory, "boxkite.yaml");
  await writeFile(config, "engine: process\npython: venv/bin/python\ndata: ../data\n");
  const paths = async (values: Values, env?: NodeJS.ProcessEnv) => {
    const { python, data } = await read({ config, ...values }, env);
    return [python, data];
  };
  assert.deepEqual(await paths({}), [join(directory, "venv/bin/python"), join(directory, "../data")]);
  const here = [join(process.cwd(), "venv/python"), join(process.cwd(), "state")];
  assert.deepEqual(await paths({ python: "venv/python", data: "state" }), here);
  assert.deepEqual(await paths({}, { BOXKITE_PYTHON: "venv/python", BOXKITE_DATA: "./state" }), here);
});

test("an empty path is refused, and is not the working directory", async () => {
  const rows: readonly [Values, NodeJS.ProcessEnv, RegExp][] = [
    [{ data: "" }, {}, /^--data is empty/u],
    [{}, { BOXKITE_DATA: "" }, /^BOXKITE_DATA is empty/u],
    [{ engine: "process", python: "" }, {}, /^--python is empty/u],
    [{ config: "" }, {}, /^the name of the settings file is empty/u],
  ];
  for (const [values, env, message] of rows)
    await assert.rejects(read(values, env), { code: "CONFIG_INVALID", message });
});
