/**
 * Runs the workflow in the adapted bases, or deploys it with the code baked in.
 *
 *   REGISTRY=registry node main.ts [config.yaml]           development: the code travels as a bundle
 *   REGISTRY=registry node main.ts config.yaml 1.0.0       production: a version on the server, then a run of it
 */
import * as flyte from "boxkite";
import { dataPrep } from "./workflow-code/environments.ts";
import { prepare } from "./workflow-code/tasks.ts";

const inputs = { yaml: "[20, 20.5, 21, 21.5, 22, 22.5, 23, 23.5, 24, 24.5, 25]" };

const [config, version] = process.argv.slice(2);
await flyte.initFromConfig({
  ...(config === undefined ? {} : { config }),
  project: "flytesnacks",
  domain: "development",
  imageBuilder: "remote",
});

let task = prepare;
if (version !== undefined) {
  for (const deployed of await flyte.deploy(dataPrep, { copyStyle: "none", version }))
    console.log(`task:    ${deployed.name} ${deployed.version}`);
  task = flyte.remoteTask("data-prep.prepare", { version }) as typeof prepare;
}
const run = await flyte.run(task, inputs);
console.log(`run:     ${run.name}`);
console.log(`url:     ${run.url}`);
const { drift, prepared, trained } = await run.outputs();
console.log(`prepare: Node ${prepared.node} in ${prepared.directory}, zod ${prepared.zod}`);
console.log(`train:   Node ${trained.node} in ${trained.directory}, zod ${trained.zod}`);
console.log(`drift:   ${drift} of the range for each reading`);
