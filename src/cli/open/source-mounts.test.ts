import assert from "node:assert/strict";
import { mkdir, realpath, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { sourceMounts } from "./source-mounts.ts";

async function source(t: TestContext) {
  const parent = await realpath(await temporaryDirectory(t));
  const directory = join(parent, "source");
  await mkdir(join(directory, "pkg"), { recursive: true });
  await mkdir(join(parent, "source-of-another"));
  await writeFile(join(directory, "pkg/mod.py"), "");
  await writeFile(join(directory, ".note"), "");
  const mounts = (shared: readonly string[] = []) =>
    sourceMounts({
      directory,
      target: "/app",
      without: [".note"],
      isShared: async (path) => shared.includes(path),
    });
  return { parent, directory, mounts };
}

test("each entry is mounted on its own, and what the image has, too, file by file", async (t) => {
  const { directory, mounts } = await source(t);
  const pkg = join(directory, "pkg");
  const mod = join(pkg, "mod.py");
  assert.deepEqual(await mounts(), [{ source: pkg, target: "/app/pkg" }]);
  assert.deepEqual(await mounts(["/app/pkg"]), [{ source: mod, target: "/app/pkg/mod.py" }]);
  await symlink("pkg/mod.py", join(directory, "main.py"));
  await symlink("nobody@host", join(directory, ".#lock"));
  assert.deepEqual(
    (await mounts()).toSorted((a, b) => (a.target < b.target ? -1 : 1)),
    [
      { source: mod, target: "/app/main.py" },
      { source: pkg, target: "/app/pkg" },
    ],
    "links inside are resolved, those to nothing are left out",
  );
});

test("a link that leads out of the directory is never mounted, whoever made it", async (t) => {
  const refused = (error: unknown) =>
    error instanceof BoxkiteError &&
    error.code === "CONFIG_INVALID" &&
    error.message.endsWith("outside of the source directory") &&
    error.hint !== undefined;
  for (const [path, target] of [
    ["x", "/etc"],
    ["x", "/"],
    ["x", ".."],
    ["x", "."],
    ["x", "../source-of-another"],
    // As a task can make it, where its folder is mounted.
    ["pkg/evil", "/"],
  ] as const) {
    const { directory, mounts } = await source(t);
    await symlink(target, join(directory, path));
    await assert.rejects(mounts(["/app/pkg"]), refused, `${path} -> ${target}`);
  }
});
