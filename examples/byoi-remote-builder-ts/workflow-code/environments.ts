/** How each team's base becomes an image that can run tasks. The server builds both; no team changes anything. */
import * as flyte from "boxkite";

const registry = process.env["REGISTRY"] ?? "localhost:5000";
const folder = `${import.meta.dirname}/..`;

const dataPrepImage = flyte.Image.fromBase(`${registry}/data-prep-ts-base:1`)
  .clone({ name: "adapted/data-prep-ts", registry, extendable: true })
  .withGlobalPackages(`${folder}/boxkite.tgz`)
  .withNodeProject({ directory: `${folder}/data-prep` })
  .withCodeBundle();

const trainingImage = flyte.Image.fromBase(`${registry}/training-ts-base:1`)
  .clone({ name: "adapted/training-ts", registry, extendable: true })
  // $PATH is the base's own value, so that nothing of it is lost.
  .withEnvVars({ PATH: "/opt/node/bin:$PATH" })
  .withGlobalPackages(`${folder}/boxkite.tgz`)
  .withNodeProject({ directory: `${folder}/training` })
  .withCodeBundle();

export const training = new flyte.TaskEnvironment({ name: "training", image: trainingImage });
export const dataPrep = new flyte.TaskEnvironment({
  name: "data-prep",
  image: dataPrepImage,
  dependsOn: [training],
});
