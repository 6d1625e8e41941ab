import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { CA_FILE, CA_VARIABLES } from "../../images/certificates.ts";
import { additionsFor, readInherited } from "./inherited.ts";

const CONTEXT = { image: {}, task: {}, serverHost: "10.0.0.1" };
const PROXY = { HTTP_PROXY: "http://proxy:3128", HTTPS_PROXY: "http://proxy:3128", NO_PROXY: ".example.com" };

test("nothing is given that was not asked for", () => {
  const env = { ...PROXY, SSL_CERT_FILE: "/does/not/matter" };
  assert.deepEqual(readInherited(undefined, env), {});
  assert.deepEqual(readInherited({ certificates: false, proxy: false }, env), {});
  assert.equal(additionsFor({}, CONTEXT), undefined);
});

test("every tool's variable names the authorities, but for those that the image or the task sets", () => {
  const inherited = { certificates: "/bundle.pem" };
  const all = additionsFor(inherited, CONTEXT);
  assert.deepEqual(all?.env, Object.fromEntries(CA_VARIABLES.map((name) => [name, CA_FILE])));
  const image = { PIP_CERT: "/image.pem" };
  const some = additionsFor(inherited, { ...CONTEXT, image, task: { SSL_CERT_FILE: "" } });
  assert.deepEqual(
    Object.keys(some?.env ?? {}),
    CA_VARIABLES.filter((name) => name !== "PIP_CERT" && name !== "SSL_CERT_FILE"),
  );
  assert.match(some?.note ?? "", /certificate authorities in \/run\/boxkite\/ca\.crt \(REQUESTS_CA_BUNDLE,/u);
});

test("proxies go in under both spellings, and the server is excepted", () => {
  const additions = additionsFor({ proxy: PROXY }, CONTEXT);
  const exceptions = ".example.com,10.0.0.1";
  assert.deepEqual(additions?.env, {
    HTTP_PROXY: "http://proxy:3128",
    http_proxy: "http://proxy:3128",
    HTTPS_PROXY: "http://proxy:3128",
    https_proxy: "http://proxy:3128",
    NO_PROXY: exceptions,
    no_proxy: exceptions,
  });
  // The address may have credentials in it; names are enough for a reader.
  assert.equal(additions?.note.includes("3128"), false);
});

test("a proxy that the image or the task sets stays, and its exceptions get the server", () => {
  const image = { http_proxy: "http://image:1", NO_PROXY: "a" };
  const task = { HTTPS_PROXY: "" };
  const additions = additionsFor({ proxy: PROXY }, { image, task, serverHost: "[fd00::1]" });
  assert.deepEqual(additions?.env, { NO_PROXY: "a,fd00::1", no_proxy: "a,fd00::1" });
});

test("what this machine does not have cannot be asked for", async (t) => {
  const directory = await temporaryDirectory(t);
  const bundle = join(directory, "bundle.pem");
  const certificates = { certificates: true, proxy: false };
  const proxy = { certificates: false, proxy: true };
  assert.throws(() => readInherited(certificates, { SSL_CERT_FILE: bundle }), {
    code: "CONFIG_INVALID",
    message:
      /^containers: certificates is true, but SSL_CERT_FILE names .*bundle\.pem, which does not exist$/u,
  });
  await writeFile(bundle, "");
  assert.deepEqual(readInherited(certificates, { CURL_CA_BUNDLE: bundle }), { certificates: bundle });
  assert.throws(() => readInherited(proxy, { NO_PROXY: "a" }), {
    code: "CONFIG_INVALID",
    message: /^containers: proxy is true, but the server's environment has none of/u,
  });
  for (const address of ["http://localhost:3128", "127.0.0.1:3128", "http://[::1]:3128"]) {
    assert.throws(() => readInherited(proxy, { https_proxy: address }), {
      code: "CONFIG_INVALID",
      message: /HTTPS_PROXY is no address that a container could reach/u,
    });
  }
  assert.deepEqual(readInherited(proxy, { https_proxy: "proxy.lan:3128" }), {
    proxy: { HTTPS_PROXY: "proxy.lan:3128" },
  });
});
