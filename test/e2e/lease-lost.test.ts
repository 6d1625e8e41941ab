/** A server whose store another one has taken over ends, since nothing that it accepts would be driven any more. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { test } from "node:test";
import { EVERYONE, LOCAL } from "../../src/domain/principal.ts";
import { NO_SETTINGS } from "../../src/domain/run.ts";
import { STORE_FILE } from "../../src/server/store-file.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { BOXKITE, temporaryDirectory } from "../helpers/server.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { newTask } from "../orchestrator/subject.ts";

test("boxkite up whose store was taken over says so and ends with a failure", async (t) => {
  const data = await temporaryDirectory(t);
  const store = openSqliteStore(join(data, STORE_FILE));
  t.after(() => store.close());
  const now = Date.now();
  const root = newTask("a0", undefined, { policy: { userRetries: 0, deadlineMs: 5_000 } }, now);
  // It waits, so that the first thing that the server writes is the end by its deadline.
  const later = { ...root, state: { ...root.state, notBefore: now + 60_000 } };
  const key = { project: "flytesnacks", domain: "development", run: "r1" };
  const run = { key, spec: new Uint8Array(), settings: NO_SETTINGS, baseUri: "s3://boxkite/r1", source: "" };
  await store.createRun({ ...run, createdAt: now, createdBy: LOCAL, authority: EVERYONE }, later, []);

  const place = ["--engine", "process", "--python", stockPython(), "--data", data, "--port", "0", "--json"];
  const child = spawn(process.execPath, [BOXKITE, "up", ...place], { stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => void child.kill());
  let log = "";
  child.stderr.on("data", (bytes: Buffer) => (log += bytes.toString()));
  const exited = once(child, "exit");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (lines.push(line) === 1) await store.acquire("the next server");
  }
  const [code] = await exited;
  assert.equal(code, 1, log);
  const last = JSON.parse(lines.at(-1) ?? "") as { code: string; message: string };
  assert.equal(last.code, "LEASE_LOST", log);
  assert.match(last.message, /^the next server drives the runs now, not process \d+ of /u);
});
