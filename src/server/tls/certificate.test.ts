import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { makeAuthority, makeServerCertificate } from "./certificate.ts";

const DAY_MS = 86_400_000;
const now = Date.now();
const validity = { notBeforeMs: now - DAY_MS, notAfterMs: now + DAY_MS };
const NAMES = ["localhost", "build-7.example", "192.0.2.10", "::1", "2001:db8::ff00:42", "::ffff:192.0.2.1"];

test("a server's certificate is what its authority signed, for its names", () => {
  const authority = makeAuthority(validity);
  const issued = makeServerCertificate({ authority, names: NAMES, ...validity });
  const [root, leaf] = [authority, issued].map(({ certificate }) => new X509Certificate(certificate));
  assert.ok(root !== undefined && leaf !== undefined);
  assert.ok(root.ca && root.verify(root.publicKey));
  assert.ok(!leaf.ca && leaf.verify(root.publicKey) && leaf.checkIssued(root));
  assert.ok(leaf.checkPrivateKey(issued.key) && !leaf.checkPrivateKey(authority.key));
  assert.equal(
    leaf.subjectAltName?.includes("IP Address:2001:DB8:0:0:0:0:FF00:42"),
    true,
    leaf.subjectAltName,
  );
  assert.equal(leaf.checkHost("build-7.example"), "build-7.example");
  assert.equal(leaf.checkHost("build-8.example"), undefined);
  for (const address of NAMES.slice(2)) assert.equal(leaf.checkIP(address), address);
  assert.equal(leaf.validToDate.getTime(), Math.floor(validity.notAfterMs / 1000) * 1000);
});

test("a long list of names makes a certificate, too", () => {
  const authority = makeAuthority(validity);
  const names = Array.from({ length: 3_000 }, (_, index) => `host-${index}.example`);
  const { certificate } = makeServerCertificate({ authority, names, ...validity });
  assert.equal(new X509Certificate(certificate).checkHost("host-2999.example"), "host-2999.example");
});

test("OpenSSL accepts the chain by its strict rules", async (t) => {
  const directory = await temporaryDirectory(t);
  const authority = makeAuthority(validity);
  const leaf = makeServerCertificate({ authority, names: NAMES, ...validity });
  await writeFile(join(directory, "ca.crt"), authority.certificate);
  await writeFile(join(directory, "server.crt"), leaf.certificate);
  const args = "verify -x509_strict -purpose sslserver -verify_hostname localhost -CAfile ca.crt server.crt";
  assert.match(execFileSync("openssl", args.split(" "), { cwd: directory }).toString(), /server\.crt: OK/u);
});
