/** Values that programs seldom send: the texts, numbers and bytes of random requests. */
import { ScalarType } from "@bufbuild/protobuf";
import type { Random } from "../helpers/random.ts";

const ODD_TEXTS: readonly string[] = [
  "",
  " ",
  "\0",
  "a\0b",
  "\r\nx: y",
  "\u001b[31m",
  "\u202e\u2066",
  "é\u0301",
  "𝒳",
  "\ud800",
  "x\udfff",
  "\ufeff",
  "../../etc/passwd",
  "a/../../b",
  "%2e%2e%2f",
  "%",
  "%00",
  "%ff",
  "<script>alert(1)</script>",
  "'; DROP TABLE runs; --",
  "%_\\",
  "{{.Name}}${HOME}`id`",
  "__proto__",
  "constructor",
  "toString",
  "null",
  "NaN",
  "-0",
  "1e400",
  "9223372036854775808",
  "s3://",
  "s3://boxkite",
  "s3://boxkite/",
  "s3://boxkite/flytesnacks/development/",
  "s3://boxkite/../x",
  "s3://other/x",
  "file:///etc/passwd",
  "http://127.0.0.1:1/",
  "http://[::1",
  "data:,x",
  "x".repeat(64),
  "x".repeat(256),
  "é".repeat(1_100),
  "x".repeat(20_000),
];

/** What a field of this name may hold, so that many requests get past the first check. */
const USUAL_TEXTS: Readonly<Record<string, readonly string[]>> = {
  org: ["", "", "", "acme"],
  organization: ["", "", ""],
  project: ["flytesnacks", "flytesnacks", "fuzz", "none"],
  domain: ["development", "development", "production", "staging"],
  name: ["r1", "r2", "r3", "a0", "c1", "c2", "bench.task", "flytesnacks", "development", "fuzz"],
  id: ["flytesnacks", "fuzz", "p1", "p2"],
  version: ["1", "2", "v1"],
  parentActionName: ["a0", "a0", "c1", "none"],
  image: ["image:1", "localhost/own:2", "image@sha256:aa"],
  token: ["", "MQ==", "1", "x"],
  key: ["name", "created_at", "phase", "status", "id", "x"],
  field: ["name", "phase", "created_by", "created_at", "task_name", "status", "x"],
  values: ["r1", "succeeded", "running", "1", "2026-01-01T00:00:00Z"],
  filters: ["", "eq(name,x)", "value_in(name,a;b)", "ne(", "contains(name,%)", "eq(name,x)+gt(created_at,1)"],
  inputUri: ["s3://boxkite/flytesnacks/development/runs/held/inputs.pb"],
  uri: [
    "s3://boxkite/flytesnacks/development/runs/held/inputs.pb",
    "s3://boxkite/flytesnacks/development/uploads/x/inputs.pb",
    "s3://boxkite/flytesnacks/development/mine/x",
  ],
  filename: ["inputs.pb", "code.tgz", "a b", "x/y"],
  filenameRoot: ["root", "0123456789abcdef0123456789abcdef", "x/y"],
  cacheKey: ["k1", "k2"],
  cron: ["* * * * *", "61 * * * *"],
  url: ["http://127.0.0.1:1/hook", "http://hook.invalid/", "x"],
  seconds: ["1"],
};

export function textFor(name: string, random: Random): string {
  const usual = Object.hasOwn(USUAL_TEXTS, name) ? USUAL_TEXTS[name] : undefined;
  if (usual !== undefined && random.chance(0.8)) return random.pick(usual);
  if (random.chance(0.3)) return `x${random.below(100)}`;
  return oddText(random);
}

export function oddText(random: Random): string {
  const text = random.pick(ODD_TEXTS);
  return random.chance(0.15) ? text + random.pick(ODD_TEXTS) : text;
}

export function bytesOf(random: Random, most = 64): Buffer {
  return Buffer.from(Array.from({ length: random.below(most) }, () => random.below(256)));
}

const NUMBERS = [0, 1, 2, 3, 10, 100, 1_000, -1, 0x7fffffff, -0x80000000];
const BIG = [0n, 1n, 2n, 60n, 1_000n, -1n, 2n ** 31n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];
const FLOATS = [0, -0, 1, 1.5, -1, Number.NaN, Infinity, -Infinity, 1e308, 5e-324, Number.MAX_SAFE_INTEGER];

/** A value of this type, as the reflection of messages takes it. */
export function scalarOf(type: ScalarType, name: string, random: Random): unknown {
  switch (type) {
    case ScalarType.STRING:
      // A lone surrogate has no encoding in UTF-8; JSON may have one.
      return textFor(name, random).toWellFormed();
    case ScalarType.BYTES:
      return random.chance(0.2) ? Buffer.from(textFor(name, random)) : bytesOf(random);
    case ScalarType.BOOL:
      return random.chance(0.5);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return random.pick(
        type === ScalarType.FLOAT
          ? FLOATS.filter((each) => Math.fround(each) === each || Number.isNaN(each))
          : FLOATS,
      );
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return random.pick(BIG);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return random.pick([...BIG.filter((each) => each >= 0n), 2n ** 64n - 1n]);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return random.pick([...NUMBERS.filter((each) => each >= 0), 0xffffffff]);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return random.pick(NUMBERS);
  }
}
