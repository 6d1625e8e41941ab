import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { withLateCommits } from "./late-commits.ts";
import { storeConformance } from "./store.ts";

storeConformance("sqlite in memory", async () => {
  const store = openSqliteStore(":memory:");
  return { store, dispose: () => store.close() };
});

storeConformance("sqlite on disk", async () => {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-store-"));
  const file = join(directory, "store.sqlite");
  let store = openSqliteStore(file);
  return {
    store,
    reopen: async () => {
      await store.close();
      store = openSqliteStore(file);
      return store;
    },
    dispose: async () => {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});

storeConformance("sqlite, commits out of order", async () => {
  const { store, late } = withLateCommits(openSqliteStore(":memory:"));
  return { store, late, dispose: () => store.close() };
});
