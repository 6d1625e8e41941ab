/** The same workflow as in ../byoi-pure-ts, with readings that come as YAML. */
import { readFile } from "node:fs/promises";
import * as flyte from "boxkite";
import { z } from "zod";
import { dataPrep, training } from "./environments.ts";

const Where = z.object({ node: z.string(), directory: z.string(), zod: z.string() });

/** Which Node, which folder, and which of the zods that `package.json` allows: the one in the team's lockfile. */
async function where(): Promise<z.infer<typeof Where>> {
  const manifest = JSON.parse(await readFile("node_modules/zod/package.json", "utf8")) as { version: string };
  return { node: process.versions.node, directory: process.cwd(), zod: manifest.version };
}

/** The slope of a straight line through the readings, by least squares. */
export const train = training.task(
  {
    name: "train",
    inputs: { readings: z.array(z.number()).min(2) },
    outputs: { drift: z.number(), ranIn: Where },
  },
  async ({ readings }) => {
    const middle = (readings.length - 1) / 2;
    const mean = readings.reduce((sum, value) => sum + value, 0) / readings.length;
    const products = readings.reduce((sum, value, index) => sum + (index - middle) * (value - mean), 0);
    const squares = readings.reduce((sum, _value, index) => sum + (index - middle) ** 2, 0);
    return { drift: products / squares, ranIn: await where() };
  },
);

export const prepare = dataPrep.task(
  {
    name: "prepare",
    inputs: { yaml: z.string().describe("a list of temperatures, in the order of their times") },
    outputs: { drift: z.number(), prepared: Where, trained: Where },
  },
  async ({ yaml }) => {
    // Imported here and not above: this module is loaded in both images, and only the data team's has the package.
    const { parse } = await import("yaml");
    const readings = z.array(z.number()).min(2).parse(parse(yaml));
    const low = Math.min(...readings);
    const high = Math.max(...readings);
    if (low === high)
      throw new flyte.NonRecoverableError("all readings are the same: there is nothing to scale");
    const { drift, ranIn } = await train({ readings: readings.map((value) => (value - low) / (high - low)) });
    return { drift, prepared: await where(), trained: ranIn };
  },
);
