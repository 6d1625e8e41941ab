import assert from "node:assert/strict";
import { readFile, realpath, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pack } from "tar-stream";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import type { EngineApi } from "../../containers/api.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { prepareSource, type SourceOptions } from "./source.ts";

/** Of an image with `main.py` in its WORKDIR. */
const api = {
  getArchive: async () => {
    const tar = pack();
    tar.entry({ name: "app/main.py" }, "x = 1");
    tar.finalize();
    return tar as AsyncIterable<Buffer>;
  },
} as unknown as EngineApi;

const OPTIONS: SourceOptions = {
  api,
  connection: { baseUrl: "http://127.0.0.1:9" } as SourceOptions["connection"],
  key: { run: "r", action: "a0" },
  code: [],
  args: ["a0"],
  workdir: "/app",
  image: "app@sha256:1",
  filesOf: "c",
};

test("a directory is used again as it is, unless it has another source", async (t) => {
  const parent = await realpath(await temporaryDirectory(t));
  const before = process.cwd();
  process.chdir(parent);
  t.after(() => process.chdir(before));
  const file = join(parent, "reproduce-r-a0/main.py");

  const { mounts } = await prepareSource(OPTIONS);
  assert.deepEqual(mounts, [{ source: file, target: "/app/main.py" }]);
  await writeFile(file, "x = 2");
  const again = await prepareSource(OPTIONS);
  assert.match(again.note, /as it was left there/u);
  assert.equal(await readFile(file, "utf8"), "x = 2");

  const refused = (message: RegExp) => (error: unknown) =>
    error instanceof BoxkiteError &&
    error.code === "CONFIG_INVALID" &&
    message.test(error.message) &&
    error.hint !== undefined;
  await assert.rejects(
    prepareSource({ ...OPTIONS, image: "app@sha256:2" }),
    refused(/ is the source of app@sha256:1 for \/app, and this action has app@sha256:2 in \/app$/u),
  );
  await symlink("/", join(parent, "reproduce-r-a0/evil"));
  await assert.rejects(prepareSource(OPTIONS), refused(/outside of the source directory/u));
  await writeFile(join(parent, "reproduce-r-a0/.boxkite-source"), "null");
  await assert.rejects(prepareSource(OPTIONS), refused(/is not the source of a reproduction/u));
});
