/** The same work on resident workers in TypeScript: a parent that measures its children, run by the SDK's own client. */
import { rm } from "node:fs/promises";
import { WORKER_PATH } from "../../src/domain/worker-protocol.ts";
import { createProject } from "../../test/sdk/helpers/package.ts";
import type { FlyteProgram, Finished } from "./flyte-program.ts";
import type { BenchContext } from "./measure.ts";
import { outputOf } from "./process.ts";
import { SCOPE } from "./requests.ts";
import type { BenchServer } from "./server.ts";
import { typescriptImage } from "./typescript-image.ts";
import { MEASURED_GROUP, MOST_WARM_UPS, ENOUGH_WARM, WARM_UP_PAUSE_MS } from "./warm-flow.ts";

export interface ResidentOptions {
  readonly replicas: number;
  readonly concurrency: number;
}

const tasks = (image: string, { replicas, concurrency }: ResidentOptions) => `
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as flyte from "boxkite";
import { z } from "zod";
const child = new flyte.TaskEnvironment({
  name: "child",
  image: "${image}",
  reusable: { replicas: ${replicas}, concurrency: ${concurrency} },
});
const parent = new flyte.TaskEnvironment({ name: "parent", image: "${image}", dependsOn: [child] });
export const one = child.task({ name: "one", inputs: { n: z.int() }, output: z.int() }, async ({ n }) =>
  // A warm-up asks whether it runs in a worker.
  n < 0 ? Number(existsSync("${WORKER_PATH}")) : n + 1,
);
async function warmUp(width: number): Promise<void> {
  for (let round = 0; round < ${MOST_WARM_UPS}; round++) {
    const warm = await Promise.all(Array.from({ length: width }, () => one({ n: -1 })));
    if (warm.reduce((sum, each) => sum + each, 0) >= ${ENOUGH_WARM} * width) return;
    await sleep(${WARM_UP_PAUSE_MS});
  }
}
export const sequential = parent.task(
  { name: "sequential", inputs: { count: z.int() }, output: z.array(z.number()) },
  async ({ count }) => {
    await warmUp(1);
    const times: number[] = [];
    await flyte.group("${MEASURED_GROUP}", async () => {
      for (let n = 0; n < count; n++) {
        const started = performance.now();
        await one({ n });
        times.push(performance.now() - started);
      }
    });
    return times;
  },
);
export const parallel = parent.task(
  { name: "parallel", inputs: { count: z.int() }, output: z.array(z.number()) },
  async ({ count }) => {
    await warmUp(Math.min(count, ${replicas * concurrency}));
    const started = performance.now();
    const results = await flyte.map(one, Array.from({ length: count }, (_, n) => ({ n })), {
      group: "${MEASURED_GROUP}",
    });
    if (results.length !== count) throw new Error(\`\${results.length} of \${count} children have a result\`);
    return [performance.now() - started];
  },
);
`;

const MAIN = `
import * as flyte from "boxkite";
import * as tasks from "./tasks.ts";
const [endpoint = "", task = "", inputs = ""] = process.argv.slice(2);
await flyte.init({ endpoint, insecure: true, project: "${SCOPE.project}", domain: "${SCOPE.domain}" });
const run = await flyte.run(tasks[task as "sequential" | "parallel"], JSON.parse(inputs));
console.log(JSON.stringify({ run: run.name, output: await run.outputs() }));
`;

export async function residentTypescript(
  context: BenchContext,
  server: BenchServer,
  options: ResidentOptions,
): Promise<FlyteProgram> {
  const image = await typescriptImage(context);
  const { directory } = createProject({ "tasks.ts": tasks(image, options), "main.ts": MAIN });
  context.defer(() => rm(directory, { recursive: true, force: true }));
  const env = { ...process.env, HOME: directory };
  return {
    run: async (task, inputs) => {
      const args = ["main.ts", `localhost:${server.port}`, task, JSON.stringify(inputs)];
      const output = await outputOf(process.execPath, args, { cwd: directory, env });
      return JSON.parse(output.trim().split("\n").at(-1) ?? "") as Finished;
    },
  };
}
