import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { until } from "../../test/helpers/until.ts";
import { createLogger } from "../lib/log.ts";
import { startPodmanService } from "./podman-service.ts";

/** A script of Node by way of the shell: the path of an interpreter in a first line must not have a blank. */
const PODMAN = `#!/bin/sh
exec "${process.execPath}" "$0.cjs" "$@"
`;
/** Serves until it is asked to end, and leaves a directory where its socket was: that cannot be removed as a file. */
const SERVICE = `const { appendFileSync, mkdirSync, unlinkSync } = require("node:fs");
const socket = process.argv.at(-1).slice("unix://".length);
appendFileSync(process.env.XDG_RUNTIME_DIR + "/starts", "x");
require("node:http").createServer((request, response) => {
  if (request.url !== "/end") return response.end('{"Version":"5.0","ApiVersion":"1.41","Components":[{"Name":"Podman Engine"}]}');
  unlinkSync(socket);
  mkdirSync(socket);
  process.exit(0);
}).listen(socket);
`;

test("a service that ended is started again, also after something went wrong with that", async (t) => {
  const home = await temporaryDirectory(t);
  const program = join(home, "podman");
  await writeFile(program, PODMAN, { mode: 0o755 });
  await writeFile(`${program}.cjs`, SERVICE);
  const clock = steppedClock();
  let ends = 0;
  const log = createLogger({ write: () => void ends++ });
  const starting = startPodmanService({ program, env: { XDG_RUNTIME_DIR: home }, log, clock });
  let isStarted = false;
  void starting.then(() => (isStarted = true));
  await until(async () => (await clock.step(20), isStarted));
  const { api, close } = await starting;
  assert.ok(api.address.kind === "unix");
  request({ socketPath: api.address.socketPath, path: "/end" })
    .on("error", () => {})
    .end();
  await until(async () => ends > 0);
  await until(async () => {
    await clock.step(200);
    return (await readFile(join(home, "starts"), "utf8")).length > 1;
  });
  await close();
  assert.equal(clock.pending, 0);
});
