import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { LiteralSchema } from "../wire/gen/flyteidl2/core/literals_pb.js";
import { timeText } from "./parts.ts";
import { literalValue } from "./values.ts";

const datetime = (seconds: bigint) =>
  create(LiteralSchema, {
    value: {
      case: "scalar",
      value: {
        value: {
          case: "primitive",
          value: { value: { case: "datetime", value: { seconds, nanos: 0 } } },
        },
      },
    },
  });

/** A msgpack timestamp of 96 bits. */
const packed = (seconds: bigint) => {
  const value = Buffer.from([0xc7, 12, 0xff, ...Buffer.alloc(12)]);
  value.writeBigInt64BE(seconds, 7);
  return create(LiteralSchema, {
    value: {
      case: "scalar",
      value: { value: { case: "binary", value: { value, tag: "msgpack" } } },
    },
  });
};

test("a time is shown, also one that no Date can hold", () => {
  for (const literal of [datetime, packed]) {
    assert.match(literalValue(literal(0n)).toString(), /1970-01-01T00:00:00\.000Z/u);
    for (const far of [1n << 60n, -(1n << 60n)])
      assert.match(literalValue(literal(far)).toString(), /out of range/u);
  }
  assert.match(timeText(1e300).toString(), /out of range/u);
});
