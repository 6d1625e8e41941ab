import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { openDataDirectory } from "./data-directory.ts";

/** A directory that cannot be used is reported before anybody wonders. */
const SOON = { timeout: 10_000 };

const HOLDER = `
  import { openDataDirectory } from ${JSON.stringify(join(import.meta.dirname, "data-directory.ts"))};
  await openDataDirectory(process.argv[1]);
  process.stdout.write("locked");
  setInterval(() => {}, 60_000);
`;

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

test("one server at a time, by whatever path it comes", async (t) => {
  const place = await temporaryDirectory(t);
  const data = await openDataDirectory(join(place, "data"));
  await symlink(join(place, "data"), join(place, "alias"));
  await assert.rejects(openDataDirectory(join(place, "alias")), new RegExp(`pid ${process.pid}`, "u"));
  await data.close();
  await (await openDataDirectory(join(place, "alias"))).close();
});

test("a server that hangs keeps its directory, one that is killed does not", async (t) => {
  const [directory, tmp] = [await temporaryDirectory(t), await temporaryDirectory(t)];
  const holder = spawn(process.execPath, ["--input-type=module", "-e", HOLDER, directory], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TMPDIR: tmp },
  });
  const exited = once(holder, "exit");
  t.after(() => holder.kill("SIGKILL"));
  await once(holder.stdout, "data");
  holder.kill("SIGSTOP");
  await assert.rejects(openDataDirectory(directory), new RegExp(`pid ${String(holder.pid)}`, "u"));
  holder.kill("SIGKILL");
  await exited;
  await (await openDataDirectory(directory)).close();
});

test("other users cannot read it, and one that holds something else is left as it is", async (t) => {
  const place = await temporaryDirectory(t);
  const fresh = join(place, "a/b");
  await (await openDataDirectory(fresh)).close();
  assert.equal(await modeOf(fresh), 0o700);

  const earlier = join(place, "earlier");
  await mkdir(earlier);
  await writeFile(join(earlier, "store.sqlite"), "");
  await chmod(earlier, 0o755);
  await (await openDataDirectory(earlier)).close();
  assert.equal(await modeOf(earlier), 0o700);

  const shared = join(place, "shared");
  await mkdir(shared);
  await writeFile(join(shared, "theirs"), "");
  await chmod(shared, 0o755);
  await assert.rejects(openDataDirectory(shared), /other files/u);
  assert.equal(await modeOf(shared), 0o755);
});

test("a directory that cannot be used is reported with the reason", SOON, async (t) => {
  const parent = await temporaryDirectory(t);
  await writeFile(join(parent, "file"), "");
  await symlink(join(parent, "nowhere/data"), join(parent, "dangling"));
  await symlink(join(parent, "loop"), join(parent, "loop"));
  const rows: [string, RegExp][] = [
    [join(parent, "file"), /: it is a file, not a directory$/u],
    [join(parent, "file/data"), /a part of its path, is a file/u],
    [join(parent, "dangling"), /a symbolic link in its path points at nothing/u],
    [join(parent, "loop"), /symbolic links form a loop/u],
    [join(parent, "x".repeat(300)), /its name is too long/u],
    [join(parent, "long/".repeat(2_000)), /^.{0,300}its name is too long/u],
  ];
  if (process.platform === "linux") {
    rows.push(["/proc/boxkite", /takes no new directories/u]);
    rows.push(["/proc/boxkite/data", /takes no new directories/u]);
    rows.push(["/dev/null", /: it is a file, not a directory$/u]);
  }
  for (const [path, message] of rows) {
    await assert.rejects(openDataDirectory(path), (error: Error) => {
      assert.match(error.message, message, path);
      return true;
    });
  }
});

test("neither a read-only file system nor a full disk hangs or gives an error of SQLite", SOON, async (t) => {
  const disk = await temporaryDirectory(t);
  const mount = (options: string) =>
    spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", disk]).status === 0;
  const unmount = () => spawnSync("umount", [disk]);
  if (!mount("size=64k")) return t.skip("no file system can be mounted here");
  try {
    const inIt = join(disk, "data");
    await assert.rejects(openDataDirectory(inIt), { code: "DISK_FULL", message: /its disk is full/u });
    unmount();
    assert.ok(mount("ro"));
    await assert.rejects(openDataDirectory(inIt), /its file system is read-only/u);
    await assert.rejects(openDataDirectory(disk), /its file system is read-only/u);
  } finally {
    unmount();
  }
});
