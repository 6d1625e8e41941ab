import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineName } from "../../containers/types.ts";
import { putArchives, type PutContext } from "./put-archives.ts";

/** Nothing is there: only the engine reads it. */
const SOURCE = "/gone/archive.tar";

async function put(engine: EngineName) {
  const checked: string[] = [];
  const targets: unknown[] = [];
  const api: PutContext["api"] = {
    engine,
    hasPath: async (_id, path) => {
      checked.push(path);
      return path === "/app";
    },
    putArchive: async (_id, _open, options) => void targets.push(options),
  };
  const directories = [{ name: "pkg", mode: 0o755, isEmpty: true }];
  const archives = [{ source: SOURCE, directories, target: "/app", owner: { uid: 4, gid: 5 } }];
  const retry: PutContext["retry"] = { run: (work) => work() };
  await putArchives({ api, spec: { archives }, retry }, "c1", new AbortController().signal);
  return { checked, targets };
}

test("the directories of an archive are known: it is read once, to be sent", async () => {
  assert.deepEqual(await put("podman"), {
    checked: [],
    targets: [{ directory: "/app", ownedByUser: true }],
  });
  assert.deepEqual(await put("docker"), {
    checked: ["/app", "/app/pkg"],
    targets: [{ directory: "/app", ownedByUser: false }],
  });
});
