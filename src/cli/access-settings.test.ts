import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import { isOpen, readAccess } from "./access-settings.ts";
import { namesOf } from "./tls.ts";

type Values = Readonly<Record<string, string | boolean>>;
const NO_FILE = { values: {} } as Parameters<typeof readAccess>[1];
const read = (values: Values, env: NodeJS.ProcessEnv = {}) =>
  readAccess({ values, positionals: [], env }, NO_FILE);

test("by default nobody has to log in, and nobody outside can connect", () => {
  const access = read({});
  assert.deepEqual(
    [access.auth, access.host, access.tls, isOpen(access)],
    ["off", undefined, undefined, false],
  );
  assert.ok(!isOpen(read({ host: "127.0.0.1" })), "an address of loopback leaves nothing");
});

test("what lets other machines in starts with a login and TLS only, and the refusal says what to type", () => {
  const host = "192.0.2.10";
  const refused: readonly [Values, RegExp, RegExp][] = [
    [
      { host },
      /^--host 192\.0\.2\.10 lets other machines connect, and nobody has to log in$/u,
      /--auth tokens, and one of: --tls-self-signed, or --tls-cert FILE --tls-key FILE, or --behind-proxy .*--insecure-no-auth$/u,
    ],
    [{ host: "0.0.0.0", auth: "off" }, /nobody has to log in/u, /--auth tokens/u],
    [{ host, "tls-self-signed": true }, /nobody has to log in/u, /^add --auth tokens;/u],
    [{ "behind-proxy": "127.0.0.1" }, /^--behind-proxy lets other machines connect/u, /^add --auth tokens;/u],
    [
      { host, auth: "tokens" },
      /would send tokens over the network as plain text/u,
      /^add --tls-self-signed, or/u,
    ],
  ];
  for (const [values, message, hint] of refused) {
    assert.throws(
      () => read(values),
      (error: Error & { code: string; hint: string }) => {
        assert.match(error.message, message);
        assert.match(error.hint, hint);
        return error.code === "CONFIG_INVALID";
      },
    );
  }
  const files = { "tls-cert": "a", "tls-key": "b" };
  const accepted: readonly Values[] = [
    { auth: "tokens" },
    { host, auth: "tokens", "tls-self-signed": true },
    { host, auth: "tokens", ...files },
    { host, auth: "tokens", "behind-proxy": "192.0.2.1,10.0.0.0/8" },
    { "behind-proxy": "127.0.0.1", auth: "tokens" },
    { host, "insecure-no-auth": true },
    { "tls-self-signed": true },
  ];
  for (const values of accepted) assert.doesNotThrow(() => read(values), JSON.stringify(values));
});

test("what contradicts itself, is half of something or would do nothing is refused", () => {
  const rows: readonly [Values, NodeJS.ProcessEnv, RegExp][] = [
    [{ auth: "password" }, {}, /^--auth is "password"; it must be one of off, tokens/u],
    [{ host: "boxkite.example" }, {}, /^--host is .* an IP address/u],
    [{ "insecure-no-auth": true }, {}, /other machines cannot connect/u],
    [{ "insecure-no-auth": true, host: "0.0.0.0", auth: "tokens" }, {}, /exclude each other/u],
    [{ "tls-cert": "a" }, {}, /^--tls-cert is set and --tls-key is not/u],
    [{}, { BOXKITE_TLS_KEY: "a" }, /^BOXKITE_TLS_KEY is set and --tls-cert is not/u],
    [{ "tls-cert": "a", "tls-key": "b", "tls-self-signed": true }, {}, /exclude each other/u],
    [{ "tls-cert": "" }, {}, /is empty/u],
    [{ "behind-proxy": "proxy.example", auth: "tokens" }, {}, /IP addresses or networks/u],
    [{ "behind-proxy": "", auth: "tokens" }, {}, /IP addresses or networks/u],
    [{ "server-name": "a b" }, {}, /DNS names/u],
    [{}, { BOXKITE_TLS_SELF_SIGNED: "yes" }, /^BOXKITE_TLS_SELF_SIGNED is "yes"; it must be true or false/u],
  ];
  for (const [values, env, message] of rows)
    assert.throws(() => read(values, env), { code: "CONFIG_INVALID", message });
});

test("the server's own certificate has the names and addresses by which clients know it", () => {
  const interfaces = () => ({ eth0: [{ address: "192.0.2.10" }, { address: "fe80::1" }] }) as never;
  const own = ["localhost", hostname().toLowerCase(), "127.0.0.1", "::1"];
  const names = (host: string | undefined, serverNames: readonly string[] = []) =>
    namesOf({ host, serverNames }, interfaces).toSorted();
  assert.deepEqual(names(undefined), own.toSorted());
  assert.deepEqual(names("192.0.2.7", ["b.example"]), [...own, "192.0.2.7", "b.example"].toSorted());
  assert.deepEqual(names("0.0.0.0"), [...own, "192.0.2.10", "fe80::1"].toSorted());
});
