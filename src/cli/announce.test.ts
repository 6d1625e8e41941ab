import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { banner, firstCommand, readyEvent, unusableHost, type Announcement } from "./announce.ts";
import { DEFAULT_PORT } from "./default-port.ts";

const READY: Announcement = {
  version: "1.2.3",
  port: DEFAULT_PORT,
  readyMs: 12,
  engine: { description: "podman 5", summary: "podman 5, rootless" },
  hasContainers: true,
  data: { path: "/data", ephemeral: false },
  host: undefined,
};

test("the banner says to whom the server is open", () => {
  const rows: readonly [Partial<Announcement>, RegExp][] = [
    [{}, /Open to {3}this machine and its containers\n/u],
    [{ hasContainers: false }, /Open to {3}this machine\n/u],
    [
      { host: "0.0.0.0" },
      /its containers, and whoever reaches any address of this machine, port 30080: without a login/u,
    ],
    [
      { host: "192.0.2.10", port: 1 },
      /whoever reaches 192\.0\.2\.10:1: without a login, with every right\n/u,
    ],
  ];
  for (const [more, expected] of rows) assert.match(banner({ ...READY, ...more }), expected);
  assert.match(JSON.stringify(readyEvent(READY)), /"openTo":"this machine and its containers"/u);
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
