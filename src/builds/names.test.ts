import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { orderVariables } from "./env-order.ts";
import { resolveOwner } from "./read-base-facts.ts";
import { shellWord, shellWordWith } from "./quoting.ts";
import { formatTarget, lookupName, parseTarget } from "./target.ts";

suite("parseTarget", () => {
  const named: [string, string | undefined, string, string][] = [
    ["localhost:5000/team/train:abc", "localhost:5000", "localhost:5000/team/train:abc", "train:abc"],
    ["ghcr.io/org/train:abc", "ghcr.io", "ghcr.io/org/train:abc", "train:abc"],
    ["GHCR.io/org/train:abc", "ghcr.io", "ghcr.io/org/train:abc", "train:abc"],
    ["index.docker.io/org/train:abc", "docker.io", "docker.io/org/train:abc", "train:abc"],
    ["localhost/org/train:abc", undefined, "localhost/org/train:abc", "train:abc"],
    ["docker.io/org/train:abc", "docker.io", "docker.io/org/train:abc", "train:abc"],
    ["org/train:abc", undefined, "localhost/org/train:abc", "train:abc"],
    ["train:abc", undefined, "localhost/train:abc", "train:abc"],
  ];
  for (const [text, registry, full, lookup] of named) {
    test(text, () => {
      const target = parseTarget(text);
      assert.deepEqual([target.registry, formatTarget(target), lookupName(target)], [registry, full, lookup]);
    });
  }

  test("placeholders and digests are refused", () => {
    assert.throws(() => parseTarget("<your-registry>/x:1"), { code: "IMAGE_REFERENCE_INVALID" });
    assert.throws(() => parseTarget(`x@sha256:${"0".repeat(64)}`), { code: "IMAGE_REFERENCE_INVALID" });
  });
});

suite("resolveOwner", () => {
  const passwd = "root:x:0:0::/root:/bin/sh\napp:x:1500:1600::/home/app:/bin/sh\n";
  const group = "root:x:0:\nteam:x:1600:\nother:x:1700:\n";
  const owners: [string, number, number][] = [
    ["", 0, 0],
    ["root", 0, 0],
    ["0", 0, 0],
    ["app", 1500, 1600],
    ["1500", 1500, 1600],
    ["4242", 4242, 0],
    ["app:other", 1500, 1700],
    ["4242:55", 4242, 55],
  ];
  for (const [user, uid, gid] of owners) {
    test(JSON.stringify(user), () =>
      assert.deepEqual(resolveOwner(user, passwd, group, "base"), { uid, gid }),
    );
  }

  test("a user that the image does not have", () => {
    assert.throws(() => resolveOwner("ghost", passwd, group, "base"), { message: /USER of base, ghost/ });
  });
});

suite("text on its way into a shell", () => {
  test("a word stands for itself", () => {
    assert.equal(shellWord("a==1.0"), "a==1.0");
    assert.equal(shellWord("a>1 'b' $c"), `'a>1 '\\''b'\\'' $c'`);
  });

  test("only the named variables expand", () => {
    assert.equal(shellWordWith("a$B", []), "'a$B'");
    assert.equal(shellWordWith('${TOKEN}:$TOKENS"`$(x)', ["TOKEN"]), '"${TOKEN}:\\$TOKENS\\"\\`\\$(x)"');
  });
});

test("variables that refer to each other keep a stable order", () => {
  assert.deepEqual(orderVariables({ B: "$A", A: "$B", C: "1" }), [["C"], ["A", "B"]]);
  assert.deepEqual(orderVariables({ PATH: "/x:$PATH", Z: "\\$PATH" }), [["PATH", "Z"]]);
});
