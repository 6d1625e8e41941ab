import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runProgram, succeeded } from "../../test/helpers/stock-sdk.ts";
import { STORE_FILE } from "../server/store-file.ts";
import { systemClock } from "../lib/clock.ts";
import { rotateSigningKeys } from "../orchestrator/stored-signing-keys.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";

const MAIN = join(import.meta.dirname, "main.ts");

test("the server's directory is found as the server finds it: by flag, variable or settings file", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-credentials-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const [data, config] = [join(directory, "data"), join(directory, "boxkite.yaml")];
  await mkdir(data);
  const store = openSqliteStore(join(data, STORE_FILE));
  await rotateSigningKeys(store, systemClock, 0);
  await store.close();
  await writeFile(config, `data: ${data}\n`);
  const ways: readonly [args: string[], env: NodeJS.ProcessEnv][] = [
    [["--data", data], {}],
    [[], { BOXKITE_DATA: data }],
    [["--config", config], {}],
    [[], { BOXKITE_CONFIG: config }],
  ];
  const run = (args: string[], env: NodeJS.ProcessEnv) =>
    runProgram(process.execPath, [MAIN, "credentials", ...args], {
      cwd: directory,
      env: { XDG_DATA_HOME: directory, ...env },
    });
  const [nobody, ...found] = await Promise.all([run([], {}), ...ways.map(([args, env]) => run(args, env))]);
  const keys = found.map((result) => succeeded(result).stdout);
  assert.match(keys[0] ?? "", /^export FLYTE_AWS_SECRET_ACCESS_KEY='[\w-]+'$/mu);
  assert.deepEqual(keys, Array(ways.length).fill(keys[0]));
  assert.match(nobody.stderr, /no data directory of a server/u);
});
