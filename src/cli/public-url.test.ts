import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProxies } from "../server/proxies.ts";
import { makeAuthority, makeServerCertificate } from "../server/tls/certificate.ts";
import type { AccessSettings } from "./access-settings.ts";
import { endpointOf, publicUrl } from "./public-url.ts";

const LOCAL: AccessSettings = {
  host: undefined,
  auth: "tokens",
  insecureNoAuth: false,
  tls: undefined,
  proxies: undefined,
  proxyRanges: [],
  serverNames: [],
};
const VALIDITY = { notBeforeMs: 0, notAfterMs: 4_000_000_000_000 };
const AUTHORITY = makeAuthority(VALIDITY);
const certificateOf = (...names: string[]) =>
  makeServerCertificate({ authority: AUTHORITY, names, ...VALIDITY }).certificate;
const urlOf = (access: Partial<AccessSettings>, certificate?: string, port = 30080) =>
  publicUrl({ access: { ...LOCAL, ...access }, port, certificate });

test("without TLS the server is known by this machine's name, unless others can connect", () => {
  const [host, serverNames] = ["192.0.2.10", ["boxkite.example", "other.example"]];
  assert.equal(urlOf({}), "http://localhost:30080");
  assert.equal(urlOf({ serverNames }), "http://localhost:30080");
  assert.equal(urlOf({ host }), "http://192.0.2.10:30080");
  assert.equal(urlOf({ host: "2001:db8::1" }), "http://[2001:db8::1]:30080");
  assert.equal(urlOf({ host: "0.0.0.0" }), "http://localhost:30080");
  assert.equal(urlOf({ host: "0.0.0.0", serverNames }), "http://boxkite.example:30080");
});

test("with TLS it is known by a name or an address that its certificate has", () => {
  const own = { tls: { kind: "self-signed" }, serverNames: [] } as const;
  const issued = certificateOf("localhost", "machine", "127.0.0.1", "192.0.2.10");
  assert.equal(urlOf(own, issued), "https://localhost:30080");
  assert.equal(urlOf({ ...own, host: "192.0.2.10" }, issued), "https://192.0.2.10:30080");
  assert.equal(urlOf({ ...own, serverNames: ["b.example"] }, issued), "https://b.example:30080");
  const files = { tls: { kind: "files", files: { certificate: "c", key: "k" } } } as const;
  const bought = certificateOf("*.boxkite.example", "boxkite.example");
  assert.equal(urlOf({ ...files, host: "0.0.0.0" }, bought), "https://boxkite.example:30080");
  assert.equal(urlOf(files, bought, 443), "https://boxkite.example");
  assert.equal(
    urlOf({ ...files, serverNames: ["a.boxkite.example"] }, bought),
    "https://a.boxkite.example:30080",
  );
});

test("behind a proxy it is known by its name, at the proxy's port; without one by that of this machine", () => {
  const proxies = parseProxies(["10.0.0.0/8"]);
  assert.equal(urlOf({ proxies, host: "10.0.0.5", serverNames: ["b.example"] }), "https://b.example");
  assert.equal(urlOf({ proxies, host: "10.0.0.5" }), "http://localhost:30080");
});

test("an endpoint has a port", () => {
  assert.deepEqual(
    ["http://localhost:30080", "https://b.example", "http://b.example", "https://[::1]:1"].map(endpointOf),
    ["dns:///localhost:30080", "dns:///b.example:443", "dns:///b.example:80", "dns:///[::1]:1"],
  );
});
