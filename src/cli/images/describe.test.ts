import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { BuildRecord } from "../../domain/build-record.ts";
import { buildJson, describeBuild, formatBytes, instructionOf } from "./describe.ts";

suite("layers as engines write them down", () => {
  for (const [written, read] of [
    ['/bin/sh -c #(nop)  CMD ["bash"]', 'CMD ["bash"]'],
    ["/bin/sh -c #(nop) ENV A=1", "ENV A=1"],
    ["|2 SSL=/a b=c /bin/sh -c #(nop) LABEL x=y", "LABEL x=y"],
    ["|2 SSL=/a b=c /bin/sh -c echo one >\t/two", "RUN echo one > /two"],
    ["/bin/sh -c make", "RUN make"],
    ["|1 A=b /bin/sh -c --mount=type=cache,id=x --mount=type=bind,source=y make all", "RUN make all"],
    ["RUN |1 A=b /bin/sh -c make # buildkit", "RUN make"],
    ["RUN /bin/sh -c make # buildkit", "RUN make"],
    ["COPY context/a . # buildkit", "COPY context/a ."],
    ["", ""],
  ] as const) {
    test(`"${written}"`, () => assert.equal(instructionOf(written), read));
  }

  test("sizes", () => {
    assert.deepEqual([0, 999, 1_500, 20_400_000].map(formatBytes), ["0 B", "999 B", "2 kB", "20 MB"]);
  });
});

suite("a digest is called one, and an id of the engine is not", () => {
  const sha = (digit: string) => `sha256:${digit.repeat(64)}`;
  const uses = { deployments: [], runs: [] };
  const build: BuildRecord = {
    target: "localhost/team/app:1",
    name: "app:1",
    specDigest: "",
    contextDigest: "",
    containerfile: "FROM x\n",
    base: { reference: "x", source: "engine", digest: sha("b") },
    reference: "localhost/team/app:1",
    pushed: false,
    digest: sha("1"),
    imageId: sha("1"),
    sizeBytes: 0,
    layers: [],
    createdAt: Date.UTC(2026, 0, 2, 3, 4, 5),
    durationMs: 61_000,
  };
  const pushed = { ...build, reference: `registry.test/app@${sha("2")}`, pushed: true, digest: sha("2") };

  test("as text", () => {
    const text = describeBuild(build, uses);
    assert.match(text, new RegExp(`^image id +${sha("1")}$`, "mu"));
    assert.match(text, new RegExp(`^base +x \\(image ID ${sha("b")}, from the engine\\)$`, "mu"));
    assert.match(text, /^built +2026-01-02 03:04:05 UTC in 1 m 1 s, kept/mu);
    assert.doesNotMatch(text, /digest|built for/u);
    const owner = { project: "p", domain: "staging" };
    const users = [{ project: "q", domain: "production" }];
    assert.match(describeBuild({ ...build, owner, users }, uses), /^built for +p\/staging, q\/production$/mu);
    assert.match(describeBuild(pushed, uses), new RegExp(`^digest +${sha("2")}$`, "mu"));
  });

  test("as JSON", () => {
    const json = JSON.stringify([buildJson(build, uses), buildJson(pushed, uses)]);
    const [local, remote] = JSON.parse(json) as { digest: unknown; base: object }[];
    assert.equal(local?.digest, null);
    assert.deepEqual(local?.base, { reference: "x", source: "engine", imageId: sha("b") });
    assert.equal(remote?.digest, sha("2"));
  });
});
