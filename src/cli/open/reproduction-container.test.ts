import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { test, type TestContext } from "node:test";
import { pack } from "tar-stream";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import type { EngineApi } from "../../containers/api.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { BegunReproduction } from "../../services/reproductions.ts";
import { createReproductionContainer, type ContainerChanges } from "./reproduction-container.ts";

async function subject(
  t: TestContext,
  { archive, readOnly = false }: { archive?: string; readOnly?: boolean } = {},
) {
  const source = join(await temporaryDirectory(t), "archive.tar");
  const tar = pack();
  tar.entry({ name: "main.py" }, "x = 1");
  tar.finalize();
  await pipeline(tar, createWriteStream(source));
  const [created, put]: [object[], string[]] = [[], []];
  const api = {
    engine: "docker",
    createContainer: async (_: string, body: object) => (created.push(body), { kind: "created", id: "c" }),
    hasPath: async () => true,
    putArchive: async (_: string, tar: Buffer | (() => AsyncIterable<Buffer>), { directory = "/" } = {}) => {
      if (typeof tar === "function") await Array.fromAsync(tar());
      put.push(directory);
    },
  } as unknown as EngineApi;
  const begun = {
    container: {
      name: "n",
      body: { Image: "i", Cmd: [], Env: [], HostConfig: readOnly ? { ReadonlyRootfs: true } : {} },
      ...(archive !== undefined && { archive }),
      archives: [{ source, target: "/app", owner: { uid: 0, gid: 0 }, directories: [] }],
    },
  } as unknown as BegunReproduction;
  const create = (changes: Partial<ContainerChanges> = {}, { archives } = begun.container) =>
    createReproductionContainer(
      api,
      { ...begun, container: { ...begun.container, archives } },
      { terminal: false, mounts: [], archives: [], ...changes },
      {},
    );
  return { create, created, put };
}

test("the code that the server brings is there, unless the source is mounted", async (t) => {
  const { create, put } = await subject(t);
  assert.equal(await create(), "c");
  assert.deepEqual(put.splice(0), ["/app"]);
  await create({ mounts: [{ source: "/home/me/main.py", target: "/app/main.py" }] });
  assert.deepEqual(put, []);
  await create({ mounts: [{ source: "/home/me/main.py", target: "/application/main.py" }] });
  assert.deepEqual(put, ["/app"]);
});

test("the server's own files are put into the root directory", async (t) => {
  const { create, put } = await subject(t, { archive: Buffer.from("tar").toString("base64") });
  await create();
  assert.deepEqual(put, ["/", "/app"]);
});

test("a root directory that Docker cannot write to needs no files, or the command is refused", async (t) => {
  const { create, created, put } = await subject(t, { readOnly: true });
  const none = { archives: [] } as unknown as BegunReproduction["container"];
  await create({}, none);
  assert.deepEqual([created.length, put], [1, []]);
  await assert.rejects(
    create({ archives: [Buffer.from("tar")] }, none),
    (error) => error instanceof BoxkiteError && error.code === "INVALID_ARGUMENT" && error.hint !== undefined,
  );
  assert.equal(created.length, 1);
});

test("code that is on another machine is an error with a hint", async (t) => {
  const { create } = await subject(t);
  const archives = [
    { source: "/nowhere/archive.tar", target: "/app", owner: { uid: 0, gid: 0 }, directories: [] },
  ];
  await assert.rejects(
    create({}, { archives } as unknown as BegunReproduction["container"]),
    (error) => error instanceof BoxkiteError && error.code === "CONFIG_INVALID" && error.hint !== undefined,
  );
});
