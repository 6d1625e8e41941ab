import assert from "node:assert/strict";
import { test } from "node:test";
import type { BuildRecord } from "../../domain/build-record.ts";
import { findBuild } from "./find-build.ts";

const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`;

function build(target: string, digit: string): BuildRecord {
  return {
    target,
    name: target.slice(target.lastIndexOf("/") + 1),
    specDigest: "",
    contextDigest: "",
    containerfile: "",
    base: { reference: "base", source: "registry", digest: "" },
    reference: `${target.slice(0, target.lastIndexOf(":"))}@${digestOf(digit)}`,
    pushed: true,
    digest: digestOf(digit),
    imageId: digestOf(digit),
    sizeBytes: 0,
    layers: [],
    createdAt: 0,
    durationMs: 0,
  };
}

const PREP = build("registry.lab:5000/team/prep:3f2a", "a");
const ONE = build("localhost/train:1", "b");
const TWO = build("localhost/train:2", "c");
const OLD = build("localhost/report:1", "d");
const LATEST = build("localhost/report:latest", "e");
const BUILDS = [PREP, ONE, TWO, OLD, LATEST];

test("a build is found by each of its names, and without tag where that is clear", () => {
  const rows: readonly [string, BuildRecord][] = [
    [PREP.target, PREP],
    [PREP.reference, PREP],
    [PREP.digest, PREP],
    [PREP.digest.slice(0, 19), PREP],
    ["prep:3f2a", PREP],
    ["team/prep:3f2a", PREP],
    ["prep", PREP],
    ["registry.lab:5000/team/prep", PREP],
    ["train:2", TWO],
    ["localhost/report", LATEST],
    ["report", LATEST],
  ];
  for (const [name, expected] of rows) assert.equal(findBuild(BUILDS, name), expected, name);
});

test("several builds without a tag of latest are named, and so is that nothing was named", () => {
  const rows: readonly [string | undefined, RegExp][] = [
    ["train", /2 builds are called "train".*localhost\/train:1, localhost\/train:2/u],
    ["train:3", /no build is called "train:3"/u],
    ["sha256:aa", /no build is called/u],
    [undefined, /name the image/u],
    ["", /name the image/u],
  ];
  for (const [name, message] of rows) assert.throws(() => findBuild(BUILDS, name), { message });
});
