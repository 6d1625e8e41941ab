/** The same work on resident workers in TypeScript: a parent that measures its children, run by the SDK's own client. */
import { rm } from "node:fs/promises";
import { createProject } from "../../test/sdk/helpers/package.ts";
import type { FlyteProgram, Finished } from "./flyte-program.ts";
import type { BenchContext } from "./measure.ts";
import { outputOf } from "./process.ts";
import { SCOPE } from "./requests.ts";
import type { BenchServer } from "./server.ts";
import { typescriptImage } from "./typescript-image.ts";
import { WARM_UP_CHILDREN } from "./warm-flow.ts";

export interface ResidentOptions {
  readonly replicas: number;
  readonly concurrency: number;
}

const tasks = (image: string, { replicas, concurrency }: ResidentOptions) => `
import * as flyte from "boxkite";
import { z } from "zod";
const child = new flyte.TaskEnvironment({
  name: "child",
  image: "${image}",
  reusable: { replicas: ${replicas}, concurrency: ${concurrency} },
});
const parent = new flyte.TaskEnvironment({ name: "parent", image: "${image}", dependsOn: [child] });
export const one = child.task({ name: "one", inputs: { n: z.int() }, output: z.int() }, async ({ n }) => n + 1);
export const sequential = parent.task(
  { name: "sequential", inputs: { count: z.int() }, output: z.array(z.number()) },
  async ({ count }) => {
    const times: number[] = [];
    for (let n = 0; n < count + ${WARM_UP_CHILDREN}; n++) {
      const started = performance.now();
      await one({ n });
      times.push(performance.now() - started);
    }
    return times.slice(${WARM_UP_CHILDREN});
  },
);
export const parallel = parent.task(
  { name: "parallel", inputs: { count: z.int() }, output: z.array(z.number()) },
  async ({ count }) => {
    for (let n = 0; n < ${WARM_UP_CHILDREN}; n++) await one({ n: -1 - n });
    const started = performance.now();
    const results = await flyte.map(one, Array.from({ length: count }, (_, n) => ({ n })));
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
