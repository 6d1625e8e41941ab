import { writeContext } from "./build-context.ts";
import type { Image } from "../authoring/image.ts";

/** The layers as a Containerfile. The USER and WORKDIR of the base stay as they are. */
export function containerfile(image: Image, context: string): string {
  const spec = writeContext(image, context);
  const lines = [`FROM ${spec.baseImage}`];
  for (const { layer } of spec.layers) {
    switch (layer.case) {
      case "commands":
        lines.push(...layer.value.cmd.map((command) => `RUN ${command}`));
        break;
      case "env":
        lines.push(
          ...Object.entries(layer.value.envVariables).map(([name, value]) => `ENV ${name}=${quote(value)}`),
        );
        break;
      case "workdir":
        lines.push(`WORKDIR ${layer.value.workdir}`);
        break;
      case "copyConfig":
        lines.push(`COPY ${layer.value.src} ${layer.value.dst}`);
        break;
      case "aptPackages":
        lines.push(
          `RUN apt-get update && apt-get install -y --no-install-recommends ${layer.value.packages.join(" ")} && rm -rf /var/lib/apt/lists/*`,
        );
        break;
      case "pipPackages":
        lines.push(`RUN python3 -m pip install --no-cache-dir ${layer.value.packages.join(" ")}`);
        break;
      default:
        break;
    }
  }
  return `${lines.join("\n")}\n`;
}

/** `$NAME` is not escaped: it expands to the value of the base. */
function quote(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
