/** Who sees which pools: on the page, as JSON, and with `boxkite pools`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Grant } from "../../src/domain/access-token.ts";
import type { PoolState } from "../../src/domain/pool-state.ts";
import { poolsText } from "../../src/cli/pools.ts";
import { getJson } from "../../src/client/server-json.ts";
import { createToken } from "../../src/server/create-token.ts";
import { STORE_FILE } from "../../src/server/store-file.ts";
import type { ServerOptions } from "../../src/server/server.ts";
import type { PoolsDocument } from "../../src/services/visible-pools.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";

const POOL: PoolState = {
  pool: "5f2c",
  mode: "resident",
  image: "team/model:1",
  project: "flytesnacks",
  domain: "development",
  starting: 0,
  idle: 2,
  busy: 1,
  memoryBytes: 150 * 2 ** 20,
  hits: 40,
  misses: 2,
  lastUsedAt: 1_700_000_000_000,
};
const OF_RUN: PoolState = {
  ...POOL,
  pool: "9a1b",
  mode: "fork",
  domain: "production",
  run: "r1",
  lastUsedAt: 1_700_000_001_000,
  problem: "no disk",
};

async function setUp(
  t: TestContext,
  pools?: () => readonly PoolState[],
  options: Partial<ServerOptions> = {},
) {
  const executor = { ...createFakeExecutor(), ...(pools && { pools }) };
  const server = await startInProcess(t, executor, options);
  const { url } = server;
  const document = async (token?: string): Promise<PoolsDocument> => {
    const connection = { baseUrl: url, ...(token !== undefined && { token }) };
    return (await getJson(connection, "/v2/pools/document")) as PoolsDocument;
  };
  const page = async (token?: string): Promise<string> => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return await (await fetch(`${url}/v2/pools`, { headers })).text();
  };
  const tokenFor = async (name: string, grant: Grant): Promise<string> => {
    const store = openSqliteStore(join(server.directory, STORE_FILE));
    try {
      return (await createToken(store, { name, grants: [grant], expiresAt: undefined, createdBy: "", at: 1 }))
        .text;
    } finally {
      await store.close();
    }
  };
  return { server, document, page, tokenFor };
}

test("pools are shown with their workers, those that were used last first", async (t) => {
  const { document, page } = await setUp(t, () => [POOL, OF_RUN]);
  const found = await document();
  assert.deepEqual(found, { version: 1, keepsWorkers: true, pools: [OF_RUN, POOL] });
  const text = await page();
  assert.match(text, /5f2c.*resident.*team\/model:1.*2 idle, 1 busy.*150 MiB.*40 of 42/su);
  assert.match(text, /href="[^"]*\/project\/flytesnacks\/runs\/r1">flytesnacks\/production\/r1</u);
  assert.match(text, /<nav class="server" aria-label="Server"><a href="\/v2\/pools">Pools/u);
  assert.match(text, /9a1b.*<p class="why">could not make a worker: no disk<\/p>.*5f2c/su);
  const printed = poolsText(found);
  assert.match(printed, /^9a1b could not make a worker: no disk$/mu);
  assert.match(printed, /^POOL +MODE +IMAGE +OF +WORKERS +MEMORY +HITS +MISSES +LAST USED\n9a1b +fork +/u);
  assert.match(
    printed,
    /5f2c +resident +team\/model:1 +flytesnacks\/development +2 idle, 1 busy +150 MiB +40 +2 +2023-/u,
  );
});

test("a person sees those of projects and domains whose runs they may read", async (t) => {
  const { server, document, page, tokenFor } = await setUp(t, () => [POOL, OF_RUN], { auth: "tokens" });
  const names = async (token: string) => (await document(token)).pools.map(({ pool }) => pool);
  assert.deepEqual(await names(server.firstToken), ["9a1b", "5f2c"]);
  const developer = await tokenFor("developer", {
    role: "viewer",
    project: "flytesnacks",
    domain: "development",
  });
  assert.deepEqual(await names(developer), ["5f2c"]);
  assert.doesNotMatch(await page(developer), /9a1b|r1/u);
  const other = await tokenFor("other", { role: "admin", project: "other" });
  assert.deepEqual(await names(other), []);
  await assert.rejects(document(), { code: "UNAUTHENTICATED" });
});

test("people who are not signed in see no link to pages of the server", async (t) => {
  const { server, page } = await setUp(t, () => [POOL], { auth: "tokens" });
  assert.match(await page(), /<h1>Sign in<\/h1>/u);
  assert.doesNotMatch(await page(), /class="server"/u);
  assert.match(await page(server.firstToken), /class="server"/u);
});

test("a server without workers says how to have some", async (t) => {
  const { document, page } = await setUp(t);
  assert.deepEqual(await document(), { version: 1, keepsWorkers: false, pools: [] });
  assert.match(await page(), /keeps no workers.*--warm-starts one-shot/su);
  assert.match(poolsText(await document()), /^this server keeps no workers: .*--warm-starts one-shot/u);
  assert.match(poolsText({ version: 1, keepsWorkers: true, pools: [] }), /^no pools yet/u);
});
