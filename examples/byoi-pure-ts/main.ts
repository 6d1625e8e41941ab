/**
 * Starts the workflow with the two teams' images and waits for its result.
 *
 *   DATA_PREP_IMAGE=registry/data-prep:1 TRAINING_IMAGE=registry/training:1 node main.ts [config.yaml]
 *
 * No code is sent: both images carry workflow-code/. README.md says how to build them.
 */
import * as flyte from "boxkite";
import { prepare } from "./workflow-code/tasks.ts";

const readings = [20, 20.5, 21, 21.5, 22, 22.5, 23, 23.5, 24, 24.5, 25];

const { DATA_PREP_IMAGE, TRAINING_IMAGE } = process.env;
if (DATA_PREP_IMAGE === undefined || TRAINING_IMAGE === undefined) {
  throw new Error("name both images: DATA_PREP_IMAGE=… TRAINING_IMAGE=… node main.ts");
}

const [config] = process.argv.slice(2);
await flyte.initFromConfig({
  ...(config === undefined ? {} : { config }),
  project: "flytesnacks",
  domain: "development",
  images: { "data-prep": DATA_PREP_IMAGE, training: TRAINING_IMAGE },
});

// The images are the deployment, so there is no code bundle; the version only names it.
const run = await flyte.withRunContext({ copyStyle: "none", version: "dev" }).run(prepare, { readings });
console.log(`run:     ${run.name}`);
console.log(`url:     ${run.url}`);
for await (const { phase } of run) console.log(`phase:   ${phase}`);
const { drift, prepared, trained } = await run.outputs();
console.log(`prepare: Node ${prepared.node} in ${prepared.directory}`);
console.log(`train:   Node ${trained.node} in ${trained.directory}`);
console.log(`drift:   ${drift} of the range for each reading`);

// Production: a version on the server, that anyone may run, from any language.
// await flyte.deploy(dataPrep, { copyStyle: "none", version: "1.0.0" });
