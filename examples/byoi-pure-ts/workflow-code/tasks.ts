import * as flyte from "boxkite";
import { z } from "zod";
import { dataPrep, training } from "./environments.ts";

const Where = z.object({ node: z.string(), directory: z.string() });

function where(): z.infer<typeof Where> {
  return { node: process.versions.node, directory: process.cwd() };
}

/** The slope of a straight line through the readings, by least squares. */
export const train = training.task(
  {
    name: "train",
    inputs: { readings: z.array(z.number()).min(2) },
    outputs: { drift: z.number(), ranIn: Where },
  },
  async ({ readings }) => {
    console.log(`fitting ${readings.length} readings`);
    const middle = (readings.length - 1) / 2;
    const mean = readings.reduce((sum, value) => sum + value, 0) / readings.length;
    const products = readings.reduce((sum, value, index) => sum + (index - middle) * (value - mean), 0);
    const squares = readings.reduce((sum, _value, index) => sum + (index - middle) ** 2, 0);
    return { drift: products / squares, ranIn: where() };
  },
);

/** Scales the readings to 0…1, and has the training team fit them: in its own image, with its own Node. */
export const prepare = dataPrep.task(
  {
    name: "prepare",
    inputs: { readings: z.array(z.number()).min(2).describe("temperatures, in the order of their times") },
    outputs: { drift: z.number(), prepared: Where, trained: Where },
  },
  async ({ readings }) => {
    const low = Math.min(...readings);
    const high = Math.max(...readings);
    if (low === high)
      throw new flyte.NonRecoverableError("all readings are the same: there is nothing to scale");
    const { drift, ranIn } = await train({ readings: readings.map((value) => (value - low) / (high - low)) });
    return { drift, prepared: where(), trained: ranIn };
  },
);
