/** `boxkite shell` into a container of Podman with the labels of an attempt: the engine is all that it needs. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { findEngine } from "../../src/containers/find.ts";
import { shellOf } from "../../src/containers/static-shell.ts";
import { LABEL } from "../../src/executors/container/container-spec.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { engineCommand, engineOutput, missingEngine } from "../helpers/engine.ts";
import { BOXKITE, temporaryDirectory } from "../helpers/server.ts";
import { runProgram } from "../helpers/stock-sdk.ts";
import { runOnPty } from "../helpers/terminal.ts";
import { TEST_IMAGE } from "../executors/engine-for-tests.ts";

const skip = missingEngine("podman") ?? false;
const BUSYBOX = process.env.BOXKITE_TEST_BUSYBOX ?? "/bin/busybox";
const RUN = `shell-test-${process.pid}`;

/** A container like that of a running attempt. */
async function startAttempt(
  t: TestContext,
  image: string,
  command: readonly string[],
  ...flags: readonly string[]
): Promise<string> {
  const action = `a${Math.random().toString(36).slice(2, 8)}`;
  const labels = Object.entries({
    [LABEL.run]: RUN,
    [LABEL.action]: action,
    [LABEL.project]: "p",
    [LABEL.domain]: "development",
    [LABEL.attempt]: "1",
  }).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
  const id = await engineOutput("podman", ["run", "-d", ...flags, ...labels, image, ...command]);
  t.after(() => engineCommand("podman", ["rm", "--force", "--time", "0", id]));
  return action;
}

const boxkite = (t: TestContext, ...args: readonly string[]) =>
  temporaryDirectory(t).then((cwd) => runProgram(process.execPath, [BOXKITE, ...args], { cwd }));

test("a shell and a command in a running container, with and without a terminal", { skip }, async (t) => {
  const action = await startAttempt(
    t,
    TEST_IMAGE,
    ["sleep", "600"],
    "--env",
    "COLOUR=green",
    "--workdir",
    "/srv",
  );
  const name = `${RUN}/${action}`;
  const command = [process.execPath, BOXKITE, "shell", name];
  const { code, output } = await runOnPty(command, [
    [":/srv#", "tty; echo it is $COLOUR"],
    ["it is green", "exit 3"],
  ]);
  assert.equal(code, 3, output);
  assert.match(output, /\/dev\/pts\/\d/u);

  const ran = await boxkite(t, "shell", name, "--", "sh", "-c", "pwd; exit 5");
  assert.deepEqual([ran.code, ran.stdout.trim()], [5, "/srv"], ran.stderr);

  const away = await boxkite(t, "shell", `${RUN}/none`);
  assert.equal(away.code, 1);
  assert.match(away.stderr, /ACTION_NOT_RUNNING: .*\ntry: .*boxkite reproduce .* --shell/u);
});

test(
  "an image without a shell gets a static one",
  { skip: skip || (existsSync(BUSYBOX) ? false : `no static busybox at ${BUSYBOX}`) },
  async (t) => {
    const context = await temporaryDirectory(t);
    await writeFile(join(context, "Containerfile"), "FROM scratch\nCOPY busybox /sleep\nUSER 4242\n");
    await copyFile(BUSYBOX, join(context, "busybox"));
    const image = `localhost/boxkite-test-no-shell:${process.pid}`;
    await engineOutput("podman", ["build", "--quiet", "--tag", image, context]);
    t.after(() => engineCommand("podman", ["rmi", "--force", image]));
    // By the name of one of its programs, busybox is that program.
    const action = await startAttempt(t, image, ["/sleep", "600"]);
    const [id = ""] = (
      await engineOutput("podman", ["ps", "-q", "--filter", `label=${LABEL.action}=${action}`])
    ).split("\n");
    const found = await findEngine({ preference: "podman", log: silentLogger });
    t.after(() => found.close());
    const { command, brought } = await shellOf(found.api, id, { files: [BUSYBOX] });
    assert.equal(brought?.from, BUSYBOX);
    await found.api.putArchive(id, brought.archive);
    const said = await engineOutput("podman", ["exec", id, ...command, "-c", "id -u; ls /"]);
    assert.match(said, /^4242\n(?:.*\n)*run/u);
  },
);
