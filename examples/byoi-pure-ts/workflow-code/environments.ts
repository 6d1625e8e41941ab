/**
 * The two teams' environments. Images are named here and given their addresses in main.ts: this
 * file is inside both images, and an image cannot contain its own tag.
 */
import * as flyte from "boxkite";

export const training = new flyte.TaskEnvironment({
  name: "training",
  image: flyte.Image.fromRefName("training"),
});

export const dataPrep = new flyte.TaskEnvironment({
  name: "data-prep",
  image: flyte.Image.fromRefName("data-prep"),
  dependsOn: [training],
});
