import assert from "node:assert/strict";
import { test } from "node:test";
import { isAmbiguous, parseProxies, readForwarded, type Forwarded } from "./proxies.ts";

const trusted = parseProxies(["192.0.2.1", "10.0.0.0/8", "2001:db8::/32"]);
const NOTHING: Forwarded = { from: undefined, scheme: undefined, host: undefined };

test("trusted are the addresses and networks that were named, and no others", () => {
  for (const address of ["192.0.2.1", "10.20.30.40", "2001:db8::7"])
    assert.ok(trusted?.trusts(address), address);
  for (const address of ["192.0.2.2", "11.0.0.1", "2001:db9::7", "", "proxy.example"])
    assert.ok(trusted?.trusts(address) === false, address);
  for (const range of ["proxy.example", "10.0.0.0/33", "10.0.0.0/x", "10.0.0.0/8/8", "", "::/129"])
    assert.equal(parseProxies([range]), undefined, range);
});

test("what a trusted proxy adds is read, and what its client wrote before that is not", () => {
  assert.ok(trusted !== undefined);
  const rows: readonly [Record<string, string>, Partial<Forwarded>][] = [
    [{ "x-forwarded-for": "198.51.100.7" }, { from: "198.51.100.7" }],
    [{ "x-forwarded-for": "203.0.113.9, 198.51.100.7" }, { from: "198.51.100.7" }],
    [{ "x-forwarded-for": "203.0.113.9, 198.51.100.7, 10.1.1.1" }, { from: "198.51.100.7" }],
    [{ "x-forwarded-for": "10.1.1.2, 10.1.1.1" }, { from: "10.1.1.2" }],
    [{ "x-forwarded-for": "203.0.113.9, unknown" }, {}],
    [{ "x-forwarded-for": "198.51.100.7:1234" }, { from: "198.51.100.7" }],
    [{ "x-forwarded-for": "[2001:db9::1]:1234" }, { from: "2001:db9::1" }],
    [{ "x-forwarded-for": "::ffff:198.51.100.7" }, { from: "198.51.100.7" }],
    [
      { "x-forwarded-proto": "https", "x-forwarded-host": "b.example:8443" },
      { scheme: "https", host: "b.example:8443" },
    ],
    [
      { "x-forwarded-proto": "https, http", "x-forwarded-host": "evil.example, b.example" },
      { scheme: "http", host: "b.example" },
    ],
    [{ "x-forwarded-proto": "javascript", "x-forwarded-host": "b.example/evil" }, {}],
    [
      { forwarded: 'for=203.0.113.9;host=evil.example, For="[2001:db9::1]:99";Proto=https; host=b.example' },
      { from: "2001:db9::1", scheme: "https", host: "b.example" },
    ],
    [{ forwarded: "for=_hidden;proto=https" }, { scheme: "https" }],
    [{}, {}],
  ];
  for (const [headers, expected] of rows)
    assert.deepEqual(readForwarded(headers, trusted), { ...NOTHING, ...expected }, JSON.stringify(headers));
});

test("both ways at once are ambiguous", () => {
  assert.ok(isAmbiguous({ forwarded: "for=192.0.2.1", "x-forwarded-host": "a" }));
  assert.ok(!isAmbiguous({ forwarded: "for=192.0.2.1" }) && !isAmbiguous({ "x-forwarded-for": "192.0.2.1" }));
});
