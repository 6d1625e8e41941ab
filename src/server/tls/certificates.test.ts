import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { recordingLogger } from "../../../test/helpers/recording-logger.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { makeAuthority, makeServerCertificate } from "./certificate.ts";
import { openCertificates } from "./certificates.ts";
import { ensureSelfSigned, selfSignedFiles } from "./self-signed.ts";

const DAY_MS = 86_400_000;
const START_MS = 1_700_000_000_000;

/** Files with a certificate of this many days. */
async function files(t: TestContext) {
  const directory = await temporaryDirectory(t);
  const paths = { certificate: join(directory, "tls.crt"), key: join(directory, "tls.key") };
  const write = async (days: number, parts: readonly ("certificate" | "key")[] = ["certificate", "key"]) => {
    const validity = { notBeforeMs: START_MS - DAY_MS, notAfterMs: START_MS + days * DAY_MS };
    const made = makeServerCertificate({ authority: makeAuthority(validity), names: ["a"], ...validity });
    const pem = { certificate: made.certificate, key: made.key.export({ type: "pkcs8", format: "pem" }) };
    for (const part of parts) await writeFile(paths[part], pem[part]);
    return made.certificate;
  };
  return { paths, write };
}

async function open(t: TestContext, paths: { readonly certificate: string; readonly key: string }) {
  const { log, lines } = recordingLogger();
  const clock = steppedClock(START_MS);
  const certificates = await openCertificates({ files: paths, clock, log });
  t.after(() => certificates.close());
  const served: string[] = [];
  certificates.follow(({ certificate }) => void served.push(certificate));
  /** The files are read, which may take longer than a step. */
  const read = async () => {
    await clock.step(10_000);
    while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, lines, served, read, reload: certificates.reload };
}

test("a certificate that is replaced is served without a restart, within seconds or when asked", async (t) => {
  const { paths, write } = await files(t);
  const first = await write(90);
  const { served, read, reload, clock } = await open(t, paths);
  const second = await write(90);
  await read();
  assert.deepEqual(served, [first, second]);
  const third = await write(90);
  reload();
  while (served.length < 3) await clock.step(0);
  assert.equal(served[2], third);
});

test("a broken replacement is not served, and logged once with its reason", async (t) => {
  const { paths, write } = await files(t);
  const first = await write(90);
  const { served, read, lines } = await open(t, paths);
  const breakages: readonly [() => Promise<unknown>, RegExp][] = [
    [() => writeFile(paths.certificate, "nothing"), /tls\.crt has no certificate in PEM/u],
    [() => write(90, ["certificate"]), /tls\.key is not the key of .*tls\.crt/u],
    [() => write(-1), /has expired on 2023-11-13/u],
    [() => rm(paths.key), /tls\.key cannot be read: ENOENT/u],
  ];
  for (const [breakIt, reason] of breakages) {
    await breakIt();
    await read();
    await read();
    const [line, ...more] = lines.splice(0);
    assert.match(String(line?.["error"]), reason);
    assert.deepEqual(more, []);
  }
  assert.deepEqual(served, [first]);
  const last = await write(90);
  await read();
  assert.deepEqual(served, [first, last]);
});

test("a certificate that expires soon, or has, is warned of each day", async (t) => {
  const { paths, write } = await files(t);
  await write(15);
  const { read, lines, clock } = await open(t, paths);
  assert.deepEqual(lines, []);
  await clock.step(1.5 * DAY_MS);
  await read();
  assert.deepEqual(lines.map(({ level, message, expires }) => [level, message, expires]).at(0), [
    "warn",
    "the certificate expires soon",
    "2023-11-29",
  ]);
  await read();
  assert.equal(lines.length, 1);
  for (let day = 0; day < 15; day++) {
    await clock.step(DAY_MS);
    await read();
  }
  assert.ok(lines.length >= 14 && lines.length <= 16, String(lines.length));
  assert.equal(lines.at(-1)?.["message"], "the certificate has expired");
});

test("what cannot be served at the start is refused with its file", async (t) => {
  const { paths, write } = await files(t);
  const { log } = recordingLogger();
  const opened = () => openCertificates({ files: paths, clock: steppedClock(START_MS), log });
  await assert.rejects(opened, {
    code: "CONFIG_INVALID",
    message: /tls\.crt cannot be read|tls\.key cannot/u,
  });
  await write(90);
  await writeFile(paths.key, "");
  await assert.rejects(opened, { code: "CONFIG_INVALID", message: /tls\.key has no private key/u });
});

test("the server's own certificate is renewed before it expires; its authority stays", async (t) => {
  const directory = join(await temporaryDirectory(t), "tls");
  const { log, lines } = recordingLogger();
  const clock = steppedClock(START_MS);
  const ensure = (names: readonly string[]) => ensureSelfSigned({ directory, names, clock, log });
  const paths = selfSignedFiles(directory);
  const read = () => Promise.all([paths.authority, paths.certificate].map((file) => readFile(file, "utf8")));
  await ensure(["localhost"]);
  assert.deepEqual(
    [(await stat(paths.key)).mode & 0o777, (await stat(directory)).mode & 0o777],
    [0o600, 0o700],
  );
  assert.equal((await stat(join(directory, "ca.key"))).mode & 0o777, 0o600);
  const [authority, first] = await read();
  await clock.step(59 * DAY_MS);
  await ensure(["localhost"]);
  assert.deepEqual(await read(), [authority, first]);
  await clock.step(2 * DAY_MS);
  await ensure(["localhost"]);
  const [sameAuthority, second] = await read();
  assert.equal(sameAuthority, authority);
  assert.notEqual(second, first);
  await ensure(["localhost", "192.0.2.10"]);
  const [, third = ""] = await read();
  assert.equal(new X509Certificate(third).checkIP("192.0.2.10"), "192.0.2.10");
  assert.equal(lines.length, 4);
  await rm(paths.key);
  await ensure(["localhost"]);
  assert.equal((await read())[0], authority);
});
