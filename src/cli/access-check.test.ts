import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { ContainerConnections } from "../domain/auth-mode.ts";
import { silentLogger } from "../lib/log.ts";
import { ensureSelfSigned, selfSignedFiles } from "../server/tls/self-signed.ts";
import { checkAccess } from "./access-check.ts";

const DAY_MS = 86_400_000;

test("doctor says who may connect and until when the certificate is valid", async (t) => {
  const directory = await temporaryDirectory(t);
  const config = join(directory, "boxkite.yaml");
  const clock = steppedClock();
  const engines: Readonly<Record<string, ContainerConnections>> = { auto: "bridge", docker: "loopback" };
  const check = async (text: string) => {
    await writeFile(config, text);
    return checkAccess(
      { values: { config, data: directory }, positionals: [], env: {} },
      30_080,
      (engine) => engines[engine],
      clock,
    );
  };
  const [local, ...none] = await check("");
  assert.match(local?.text ?? "", /^Open to: this machine and its containers\nLogin: none/u);
  assert.deepEqual(none, []);
  const [rootless] = await check("engine: docker");
  assert.match(
    rootless?.text ?? "",
    /Tasks: .* over loopback: they use a port of their own, and people need the local/u,
  );
  const [programs] = await check("engine: process");
  assert.match(programs?.text ?? "", /^Open to: this machine\nLogin: none[^\n]*$/u);
  const [refused] = await check("host: 192.0.2.10");
  assert.equal(refused?.ok, false);
  assert.match(refused?.hint ?? "", /--auth tokens/u);

  const own = "tls-self-signed: true";
  const [access, missing] = await check(own);
  assert.match(access?.text ?? "", /caCertFilePath: .*\/tls\/ca\.crt/u);
  assert.deepEqual(
    [missing?.ok, missing?.text],
    [true, "the next start of boxkite up makes the certificate"],
  );
  await ensureSelfSigned({ directory: join(directory, "tls"), names: ["a"], clock, log: silentLogger });
  const [, valid] = await check(own);
  assert.match(valid?.text ?? "", /server\.crt is valid until 2024-02-12$/u);
  const { certificate, key } = selfSignedFiles("tls");
  const [, broken] = await check(`tls-cert: ${certificate}\ntls-key: ${certificate}`);
  assert.match(broken?.text ?? "", /has no private key/u);
  await clock.step(80 * DAY_MS);
  const files = `tls-cert: ${certificate}\ntls-key: ${key}`;
  const [, soon] = await check(files);
  assert.deepEqual([soon?.ok, soon?.hint?.includes("within seconds")], [false, true]);
  await clock.step(20 * DAY_MS);
  assert.match((await check(files))[1]?.text ?? "", /has expired on 2024-02-12$/u);
});
