/** A store of builds that forgets, for tests. */
import type { BuildRecord } from "../../src/domain/build-record.ts";
import type { BuildStore } from "../../src/builds/build.ts";

export function createMemoryBuildStore(): BuildStore & { readonly records: readonly BuildRecord[] } {
  const records: BuildRecord[] = [];
  return {
    records,
    findByTarget: (target) => records.findLast((record) => record.target === target),
    findByName: (name) => records.filter((record) => record.name === name).toReversed(),
    findByReference: (reference) => records.find((record) => record.reference === reference),
    record: (build) => {
      const old = records.findIndex((record) => record.target === build.target);
      if (old !== -1) records.splice(old, 1);
      records.push(build);
    },
  };
}
