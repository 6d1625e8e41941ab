import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { AccessSettings } from "./access-settings.ts";
import { banner, firstCommand, firstTokenText, readyEvent, type Announcement } from "./announce.ts";
import { DEFAULT_PORT } from "./default-port.ts";
import { unusableHost } from "./own-addresses.ts";

const LOCAL: AccessSettings = {
  host: undefined,
  auth: "off",
  insecureNoAuth: false,
  tls: undefined,
  proxies: undefined,
  proxyRanges: [],
  serverNames: [],
};

const READY: Announcement = {
  version: "1.2.3",
  port: DEFAULT_PORT,
  url: `http://localhost:${DEFAULT_PORT}`,
  readyMs: 12,
  engine: { description: "podman 5", summary: "podman 5, rootless" },
  containerConnections: "bridge",
  data: { path: "/data", ephemeral: false },
  access: LOCAL,
  certificateUntilMs: undefined,
  localSecret: undefined,
};

const withAccess = (more: Partial<AccessSettings>): Partial<Announcement> => ({
  access: { ...LOCAL, ...more },
});

test("the banner says to whom the server is open, what they have to prove, and whose TLS it is", () => {
  const files = { kind: "files", files: { certificate: "/etc/tls.crt", key: "/etc/tls.key" } } as const;
  const rows: readonly [Partial<Announcement>, ...RegExp[]][] = [
    [{}, /Open to {3}this machine and its containers\n/u, /Login {5}none: whoever connects .*--auth off/u],
    [{ containerConnections: undefined }, /Open to {3}this machine\n/u],
    [{}, /Tasks {5}containers come over the engine's bridge, where a call needs the token of its task\n/u],
    [
      withAccess({ host: "0.0.0.0", insecureNoAuth: true }),
      /its containers, and whoever reaches any address of this machine, port 30080\n/u,
      /Login {5}NONE, FOR OTHER MACHINES EITHER \(--insecure-no-auth\): whoever connects may do everything\n/u,
      /TLS {7}none: what is sent can be read/u,
    ],
    [
      { ...withAccess({ host: "192.0.2.10", auth: "tokens", tls: files }), port: 1, certificateUntilMs: 0 },
      /whoever reaches 192\.0\.2\.10:1\n/u,
      /Login {5}with a token/u,
      /TLS {7}by the server, with \/etc\/tls\.crt, valid until 1970-01-01\n/u,
    ],
    [
      withAccess({ host: "192.0.2.10", auth: "tokens", tls: { kind: "self-signed" } }),
      /TLS {7}.*for clients: caCertFilePath: \/data\/tls\/ca\.crt\n/u,
    ],
    [
      withAccess({ auth: "tokens", proxyRanges: ["10.0.0.0/8"] }),
      /and whoever the proxy at 10\.0\.0\.0\/8 lets in\n/u,
      /TLS {7}by the proxy\n/u,
    ],
  ];
  for (const [more, ...expected] of rows)
    for (const each of expected) assert.match(banner({ ...READY, ...more }), each);
  assert.doesNotMatch(banner(READY), /TLS/u);
  assert.match(
    JSON.stringify(readyEvent(READY)),
    /"openTo":"this machine and its containers","login":"none/u,
  );
});

test("where containers come over loopback the banner says so, with a link and a command for people", () => {
  const loopback = { ...READY, containerConnections: "loopback", taskPort: 30_081 } as const;
  const text = banner({ ...loopback, localSecret: "bkl.x" });
  assert.match(text, /Console {3}http:\/\/localhost:30080\/t\/bkl\.x\/v2 {2}\(signs a browser in\)\n/u);
  assert.match(text, /Login {5}with the local login secret, which boxkite config create writes/u);
  assert.match(
    text,
    /Tasks {5}containers come over loopback: they use port 30081, and people need the local login secret: boxkite config create\n/u,
  );
  assert.match(text, /Next {3}boxkite config create --data \/data {2}&& {2}flyte get project\n/u);
  const event = JSON.stringify(readyEvent({ ...loopback, localSecret: "bkl.x" }));
  assert.match(event, /"taskPort":30081.*"login":"with the local login secret/u);
  assert.doesNotMatch(event, /bkl/u);
  assert.match(
    banner({ ...loopback, ...withAccess({ auth: "tokens" }) }),
    /port 30081, and people need a token\n/u,
  );
  const opened = withAccess({ host: "0.0.0.0", insecureNoAuth: true });
  assert.match(banner({ ...loopback, ...opened }), /they may do what whoever connects may do\n/u);
});

test("URL and endpoint are those by which the server is known", () => {
  const here = banner(READY);
  assert.match(here, /Console {3}http:\/\/localhost:30080\/v2\n/u);
  assert.match(here, /Endpoint {2}dns:\/\/\/localhost:30080 \(insecure\)\n/u);
  const known = { ...READY, url: "https://boxkite.example" };
  assert.match(banner(known), /Console {3}https:\/\/boxkite\.example\/v2\n/u);
  assert.match(banner(known), /Endpoint {2}dns:\/\/\/boxkite\.example:443\n/u);
  assert.match(
    JSON.stringify(readyEvent(known)),
    /"url":"https:\/\/boxkite\.example","port":30080,"endpoint":"dns:\/\/\/boxkite\.example:443"/u,
  );
});

test("the first command is that of the quick start, whose port it fits", () => {
  const guide = readFileSync(join(import.meta.dirname, "../../docs/quick-start.md"), "utf8");
  const [create = "", ...rest] = firstCommand(DEFAULT_PORT).split("  &&  ");
  assert.ok(guide.includes(create));
  assert.deepEqual(rest, ["flyte get project"]);
  assert.match(
    firstCommand(1234),
    /--endpoint localhost:1234 --insecure --project flytesnacks --domain development/u,
  );
});

test("an address that this machine does not have is named", () => {
  const interfaces = () => ({ eth0: [{ address: "192.0.2.10" }] }) as never;
  assert.equal(unusableHost(undefined, interfaces), undefined);
  assert.equal(unusableHost("0.0.0.0", interfaces), undefined);
  assert.equal(unusableHost("192.0.2.10", interfaces), undefined);
  assert.match(unusableHost("192.0.2.11", interfaces) ?? "", /no network interface .* 192\.0\.2\.11$/u);
});

test("the first admin's token is printed with what it is, for people and for programs", () => {
  assert.match(
    firstTokenText("bkt_x", false),
    /admin's.*not shown again[^]* bkt_x\n[^]*boxkite token create/u,
  );
  assert.deepEqual(JSON.parse(firstTokenText("bkt_x", true)), {
    event: "first-token",
    role: "admin",
    token: "bkt_x",
  });
});
