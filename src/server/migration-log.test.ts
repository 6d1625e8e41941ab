import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { createFakeExecutor } from "../../test/helpers/fake-executor.ts";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { createLogger } from "../lib/log.ts";
import { startServer } from "./server.ts";
import { STORE_FILE } from "./store-file.ts";

const MIGRATIONS = join(import.meta.dirname, "../store/sqlite/migrations");

/** What a server says of a migration from its start to its end. */
async function saidOfMigration(dataDirectory: string): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  const server = await startServer({
    dataDirectory,
    ephemeral: false,
    port: 0,
    reach: { listenAt: "127.0.0.1", accepts: () => true, classOf: () => "loopback" },
    createExecutor: async () => createFakeExecutor(),
    createImageTools: undefined,
    maxParallel: 1,
    queues: new Map(),
    version: "0.0.0",
    log: createLogger({ format: "json", write: (line) => lines.push(line) }),
  });
  await server.close();
  return lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ message }) => /migrat/u.test(String(message)));
}

/** As the program left it whose schema was the first. */
function writeFirstStore(file: string): void {
  const sqlite = new DatabaseSync(file);
  sqlite.exec(readFileSync(join(MIGRATIONS, "0001_first.sql"), "utf8"));
  sqlite.exec("PRAGMA user_version = 1");
  sqlite.close();
}

test("the server says that it migrates the store, from what to what, and how long that took", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, STORE_FILE);
  writeFirstStore(file);
  const { size: bytes } = statSync(file);
  const to = readdirSync(MIGRATIONS).length;
  const [begins, ended, ...more] = await saidOfMigration(directory);
  assert.deepEqual(more, []);
  assert.deepEqual([begins?.["level"], begins?.["from"], begins?.["to"]], ["info", 1, to]);
  assert.equal(begins?.["bytes"], bytes);
  assert.deepEqual([ended?.["level"], ended?.["to"]], ["info", to]);
  assert.equal(typeof ended?.["seconds"], "number");
  assert.deepEqual(await saidOfMigration(directory), [], "it is done once");
});

test("a new store is not migrated", async (t) => {
  assert.deepEqual(await saidOfMigration(await temporaryDirectory(t)), []);
});
