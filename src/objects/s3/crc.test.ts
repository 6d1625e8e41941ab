import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { createChecksum } from "./checksums.ts";
import { combineCrc, CRC_POLYNOMIALS, type CrcName } from "./crc.ts";

/** The checksums of "123456789", by which CRCs are told apart (the "check" of the catalogues). */
const CHECKS: Record<CrcName, string> = {
  CRC32: "cbf43926",
  CRC32C: "e3069283",
  CRC64NVME: "ae8b14860a799888",
};

for (const name of Object.keys(CRC_POLYNOMIALS) as CrcName[]) {
  test(`${name} of the check text, in one piece and in two`, () => {
    for (const split of [0, 4, 9]) {
      const sum = createChecksum(name);
      sum.update(Buffer.from("123456789").subarray(0, split));
      sum.update(Buffer.from("123456789").subarray(split));
      assert.equal(sum.digest().toString("hex"), CHECKS[name]);
    }
  });

  test(`${name} of a whole follows from those of its parts`, () => {
    const [a, b] = [randomBytes(1234), randomBytes(70_001)];
    const of = (...pieces: Uint8Array[]): Buffer => {
      const sum = createChecksum(name);
      for (const piece of pieces) sum.update(piece);
      return sum.digest();
    };
    assert.deepEqual(combineCrc(name, of(a), of(b), b.length), of(a, b));
    assert.deepEqual(combineCrc(name, of(a), of(), 0), of(a));
  });
}
