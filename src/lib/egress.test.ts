import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { createEgressAllowance } from "./egress-allowance.ts";
import { createEgressRule, type EgressOptions, type EgressRule, type Resolve } from "./egress.ts";

const DENIED = { code: "EGRESS_DENIED" };

/** Each resolution of a name takes the next answer; the last one stays. */
function resolver(answers: Readonly<Record<string, readonly (readonly string[])[]>>): Resolve {
  const counts = new Map<string, number>();
  return (hostname, _options, callback) => {
    const count = counts.get(hostname) ?? 0;
    counts.set(hostname, count + 1);
    const all = answers[hostname];
    const addresses = all?.[Math.min(count, all.length - 1)];
    if (addresses === undefined) callback(Object.assign(new Error("not found"), { code: "ENOTFOUND" }), []);
    else
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
      );
  };
}

const ruleOf = (options: EgressOptions = {}) => createEgressRule({ ownAddresses: () => [], ...options });

async function startServer(t: TestContext): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((received, response) => {
    asked.push(received.headers.host ?? "");
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, asked };
}

/** The status of a GET request that goes through the rule. */
function get(rule: EgressRule, text: string): Promise<number | undefined> {
  const url = new URL(text);
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, lookup: rule.lookup(url) });
    sent.once("error", reject).once("response", (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.end();
  });
}

test("literal addresses are denied in every notation", () => {
  const rule = ruleOf();
  for (const host of [
    "127.0.0.1",
    "127.0.0.1:8080",
    "127.1",
    "0x7f.1",
    "0177.0.0.1",
    "2130706433",
    "0x7f000001",
    "127.0.0.1.",
    "%31%32%37.0.0.1",
    "１２７.0.0.1",
    "0",
    "0.0.0.0",
    "localhost",
    "LocalHost.",
    "a.localhost",
    "10.1.2.3",
    "169.254.169.254",
    "[::1]",
    "[0:0::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:0a00:1]",
    "[fe80::1]",
    "[fd00::1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
  ])
    assert.throws(() => rule.check(new URL(`http://${host}/`)), DENIED, host);
  for (const host of ["1.1.1.1", "[2606:4700::1111]", "example.com", "notlocalhost"])
    rule.check(new URL(`http://${host}/`));
});

test("the error names the host and the kind of its address, not the address, and the setting", async () => {
  const rule = ruleOf({ resolve: resolver({ "git.corp.example": [["10.20.30.40"]] }) });
  await assert.rejects(get(rule, "http://git.corp.example:8080/secret"), {
    message:
      "the server does not connect to git.corp.example:8080 for a task or a remote user: it has a private address",
    hint: `the server's operator can allow it in the settings file: egress: {allow: ["git.corp.example:8080"]}`,
  });
});

test("a name is connected to at the addresses that were checked: a second answer has no effect", async (t) => {
  const { port, asked } = await startServer(t);
  const resolve = resolver({ "rebind.example": [["192.0.2.1"], ["127.0.0.1"]] });
  const rule = ruleOf({ resolve, allowance: createEgressAllowance(["192.0.2.0/24"]) });
  const url = new URL(`http://rebind.example:${port}/`);
  await rule.checkName(url);
  await assert.rejects(get(rule, url.href), DENIED);
  assert.deepEqual(asked, []);
});

test("of a name with several addresses, only those that are allowed are connected to", async () => {
  const rule = ruleOf({ resolve: resolver({ "both.example": [["127.0.0.1", "1.1.1.1", "::1"]] }) });
  const url = new URL("http://both.example/");
  const resolved = (all: boolean) =>
    new Promise((resolve) => {
      rule.lookup(url)("both.example", { all }, (...answer) => resolve(answer));
    });
  assert.deepEqual(await resolved(true), [null, [{ address: "1.1.1.1", family: 4 }]]);
  assert.deepEqual(await resolved(false), [null, "1.1.1.1", 4]);
});

test("the machine's own addresses are denied although they are public", () => {
  const rule = ruleOf({ ownAddresses: () => ["8.8.4.4"] });
  assert.throws(() => rule.check(new URL("http://8.8.4.4/")), /an address of the server's own machine/u);
  rule.check(new URL("http://8.8.8.8/"));
});

test("a name of this machine is denied by its address, and what the settings allow is reached", async (t) => {
  const { port, asked } = await startServer(t);
  await assert.rejects(get(createEgressRule(), `http://localhost:${port}/`), DENIED);
  const allowed = (...entries: string[]) => createEgressRule({ allowance: createEgressAllowance(entries) });
  await assert.rejects(
    get(allowed(`localhost:${port + 1}`, "10.0.0.0/8"), `http://localhost:${port}/`),
    DENIED,
  );
  assert.deepEqual(asked, []);
  for (const entry of [`localhost:${port}`, "LOCALHOST", "127.0.0.0/8", "127.0.0.1"])
    assert.equal(await get(allowed(entry, "::1"), `http://localhost:${port}/`), 200, entry);
});

test("a name that only a proxy can resolve is left to the proxy", async () => {
  const rule = ruleOf({ resolve: resolver({ "inside.example": [["10.0.0.1"]] }) });
  await rule.checkName(new URL("http://unknown.example/"));
  await assert.rejects(rule.checkName(new URL("http://inside.example/")), DENIED);
});

test("entries of the settings", () => {
  const allowance = createEgressAllowance([
    "10.1.0.0/16",
    "fd00::/8",
    "192.168.1.7",
    "registry.corp",
    "git.corp:8443",
    "[::1]:9000",
    "127.0.0.1:5000",
  ]);
  const hosts = (...urls: string[]) => urls.map((url) => allowance.allowsHost(new URL(url)));
  assert.deepEqual(
    hosts("https://registry.corp", "http://registry.corp:99/x", "http://registry.corp.evil/"),
    [true, true, false],
  );
  assert.deepEqual(hosts("https://git.corp:8443", "https://git.corp"), [true, false]);
  assert.deepEqual(hosts("http://[::1]:9000", "http://[::1]", "http://127.0.0.1:5000", "http://127.0.0.1"), [
    true,
    false,
    true,
    false,
  ]);
  const addresses = [
    "10.1.2.3",
    "10.2.0.1",
    "fd12::1",
    "192.168.1.7",
    "192.168.1.8",
    "::ffff:10.1.2.3",
    "fe80::1%e",
  ];
  assert.deepEqual(
    addresses.filter((address) => allowance.allowsAddress(address)),
    ["10.1.2.3", "fd12::1", "192.168.1.7", "::ffff:10.1.2.3"],
  );
  for (const entry of [
    "",
    "10.0.0.0/33",
    "10.0.0.0/x",
    "http://a",
    "a/b",
    "a:b",
    "a:99999",
    "me@a",
    "a b",
    "*",
  ])
    assert.throws(() => createEgressAllowance([entry]), /is no network, host or host with a port/u, entry);
});
