/** The vendor's own scripts of its scaling benchmark, fetched by whoever runs this and not modified, on a server of ours. */
import { existsSync } from "node:fs";
import type { Benchmark, Row } from "../helpers/measure.ts";
import { PUBLISHED, publishedFloors, type Published } from "../helpers/published.ts";
import { PYTHON } from "../helpers/server.ts";
import { DRIVERS_IN_CONTAINERS, startShapeServer } from "../helpers/shape.ts";
import { missingScript, pollsAround, vendorScripts, type VendorResult } from "../helpers/vendor-script.ts";

interface Script {
  readonly file: string;
  readonly args: Readonly<Record<string, number>>;
  readonly quick: Readonly<Record<string, number>>;
  readonly published: Published;
}

/** The smallest size of each for which there are published figures. */
const SCRIPTS: readonly Script[] = [
  { file: "fanout.py", args: { n: 1_000 }, quick: { n: 20 }, published: { open: 68.4, closed: 19.0 } },
  {
    file: "long_chain.py",
    args: { length: 100 },
    quick: { length: 2 },
    published: { open: 18.9, closed: 19.0 },
  },
  {
    file: "swarm.py",
    args: { k: 2, n: 2_000 },
    quick: { k: 2, n: 20 },
    published: { open: 69.2, closed: 54.1 },
  },
  {
    file: "concurrency.py",
    args: { m: 1_000, hold: 120 },
    quick: { m: 20, hold: 2 },
    published: { open: 146 },
  },
];

export const vendor: Benchmark = {
  name: "vendor",
  about: "the vendor's own scripts, unmodified, in small sizes; their directory is given with --vendor",
  conditions: DRIVERS_IN_CONTAINERS,
  floorConditions: PUBLISHED,
  missing: async ({ vendor: directory }) => {
    if (directory === undefined) return "the directory of the vendor's scripts is not given (--vendor)";
    return missingScript(directory) ?? (existsSync(PYTHON) ? undefined : `there is no ${PYTHON}`);
  },
  limitSeconds: 900,
  run: async (context) => {
    const { server, image, conditions } = await startShapeServer(context);
    const scripts = await vendorScripts(context, server, context.vendor ?? "", image !== undefined);
    for (const { file, args, quick, published } of SCRIPTS) {
      const words = Object.entries(context.quick ? quick : args).map(([name, value]) => `--${name} ${value}`);
      context.say(`${file} ${words.join(" ")}`);
      const result = await scripts.run(file, words.join(" ").split(" "));
      for (const row of rowsOf(`${file} ${words.join(" ")}`, result, published))
        context.row({ ...row, conditions });
    }
    return [];
  },
};

/** Ours is what the script prints, as the published figures are. */
function rowsOf(what: string, result: VendorResult, published: Published): Row[] {
  const { after, until } = pollsAround(result.execSeconds);
  const row: Row = {
    measure: `the vendor's script, unmodified: ${what}`,
    unit: "s",
    ours: result.wallSeconds,
    note:
      `measured once; ended between ${after.toFixed(1)} and ${until.toFixed(1)} s after the submission, ` +
      "which are two polls of the script",
  };
  return publishedFloors(published).map((floor) => ({ ...row, floor }));
}
