/** Says which step of a build failed, what it said last, and what to change. */
import { BoxkiteError } from "../domain/errors.ts";
import type { BuildFailed } from "./builder.ts";
import type { ContainerfileStep } from "./containerfile.ts";

const SHOWN_LINES = 20;

export function explainFailure(failed: BuildFailed, steps: readonly ContainerfileStep[]): BoxkiteError {
  const step = failedStep(failed, steps);
  const said = failed.lines.map((line) => line.trimEnd()).filter((line) => line !== "");
  const message = [
    `${step?.title ?? "the build"} failed`,
    ...(step === undefined ? [] : [`step: ${step.text}`]),
    ...said.slice(-SHOWN_LINES),
  ].join("\n");
  return new BoxkiteError("IMAGE_BUILD_FAILED", message, {
    hint: hintFor(said.join("\n"), step),
    cause: failed,
  });
}

function failedStep({ at }: BuildFailed, steps: readonly ContainerfileStep[]): ContainerfileStep | undefined {
  if (at === undefined) return undefined;
  if ("step" in at) return steps[at.step];
  if ("layer" in at) return steps.filter(({ text }) => /^(FROM|RUN|COPY|WORKDIR) /.test(text))[at.layer];
  return steps.find((step) => step.firstLine <= at.line && at.line <= step.lastLine);
}

/** The first that fits. Tools say what went wrong only in words, so words it is. */
const HINTS: readonly [RegExp, string][] = [
  [
    /certificate verify failed|CERTIFICATE_VERIFY_FAILED|unable to get local issuer|self.signed certificate|unknown ca|invalid peer certificate/i,
    "The step does not trust the server's certificate. Start the server with SSL_CERT_FILE set to a bundle that holds your authority: its build steps get it.",
  ],
  [
    /no space left on device/i,
    "The engine's disk is full. Make room: boxkite images prune, or the engine's own image prune.",
  ],
  [
    /no matching distribution found|could not find a version that satisfies|no solution found when resolving|because .* was not found in the package registry/i,
    "The index has no such version for this image's Python. Check the name and the version, or give index_url= / extra_index_urls=.",
  ],
  [
    /unable to locate package|has no installation candidate/i,
    "The image's own distribution has no such package. Check the name against the distribution and release of the base image.",
  ],
  [
    /no python on PATH/i,
    'Put the Python of the image on PATH before this layer: .with_env_vars({"PATH": "/where/it/is/bin:$PATH"}).',
  ],
  [
    /neither pip nor ensurepip/i,
    'Give the image pip before this layer: .with_apt_packages("python3-pip", "python3-venv").',
  ],
  [
    /temporary failure in name resolution|temporary failure resolving|could not resolve host|failed to establish a new connection|network is unreachable|dns error/i,
    "The step could not reach the network. Behind a proxy, start the server with HTTPS_PROXY set: its build steps get it.",
  ],
  [
    /permission denied|operation not permitted/i,
    "Steps run as root, so the path is read-only or the program is not executable: check it in the base image.",
  ],
  [
    /command not found|: not found|executable file not found/i,
    "The base has no such program on its PATH. Install it in an earlier layer, or write its full path.",
  ],
  [
    /ResolutionImpossible|conflicting dependencies|incompatible/i,
    "The packages contradict each other. Loosen one of the versions that the message names.",
  ],
  [
    /error: (metadata-generation-failed|subprocess-exited-with-error)|failed building wheel|command '(gcc|cc|x86_64-linux-gnu-gcc)'/i,
    'A package has to be compiled. Choose a version with a wheel for this Python, or add .with_apt_packages("build-essential") before it.',
  ],
];

function hintFor(said: string, step: ContainerfileStep | undefined): string {
  const known = HINTS.find(([pattern]) => pattern.test(said))?.[1];
  if (known !== undefined) return known;
  return step?.layer === undefined
    ? "See the build's log for all it said."
    : `Change layer ${step.layer} of the image and run again; the layers before it are kept.`;
}
