/** The layers that install Python packages: the script of each, and the files of the upload that it reads. */
import { posix } from "node:path";
import type { Layer, UvProjectLayer } from "../images/image-spec.ts";
import type { Inputs } from "./inputs.ts";
import {
  pipCommand,
  pipOptions,
  pipScript,
  poetryScript,
  requirementsScript,
  uvProjectScript,
  wheelsScript,
} from "./python-steps.ts";

type PythonKind = "pip" | "requirements" | "wheels" | "uv-project" | "poetry";
export type PythonLayer = Extract<Layer, { readonly kind: PythonKind }>;

export interface PythonStep {
  readonly script: readonly string[];
  /** The command in the author's terms. */
  readonly summary: string;
  /** A path of the build context for a mount. */
  readonly input?: string;
}

/** Undefined where there is nothing to install. */
export function pythonStep(layer: PythonLayer, inputs: Inputs): PythonStep | undefined {
  switch (layer.kind) {
    case "pip":
      return layer.packages.length === 0
        ? undefined
        : { script: pipScript(layer), summary: pipCommand(layer, layer.packages) };
    case "requirements":
      return {
        script: requirementsScript(layer),
        summary: pipCommand(layer, ["--requirement", layer.file]),
        input: inputs.file(layer.file, "requirements"),
      };
    case "wheels": {
      const input = inputs.folder("wheels", [{ from: layer.directory, to: "" }]);
      return {
        script: wheelsScript(layer),
        summary: pipCommand(layer, [layer.packageName || "*.whl"]),
        input,
      };
    }
    case "uv-project":
      return uvProjectStep(layer, inputs);
    case "poetry": {
      const alone = posix.basename(layer.pyproject) === "pyproject.toml";
      const input = inputs.folder("poetry-project", [
        { from: layer.pyproject, to: alone ? "pyproject.toml" : "" },
        { from: layer.lockFile, to: "poetry.lock" },
      ]);
      return { script: poetryScript(layer), summary: `poetry install ${layer.extraArgs}`.trim(), input };
    }
  }
}

/** A project may be one of several in a source folder; then the whole folder is there for it. */
function uvProjectStep(layer: UvProjectLayer, inputs: Inputs): PythonStep {
  const root = layer.sourceDirectory ?? layer.directory;
  const inside = posix.relative(root, layer.directory);
  const outside = inside.startsWith("..");
  const project = outside ? "" : inside;
  const lock =
    layer.lockFile === undefined ? [] : [{ from: layer.lockFile, to: posix.join(project, "uv.lock") }];
  const input = inputs.folder("uv-project", [{ from: outside ? layer.directory : root, to: "" }, ...lock]);
  const summary = `uv sync ${pipOptions(layer).join(" ")}`.trim();
  return { script: uvProjectScript(layer, project), summary, input };
}
