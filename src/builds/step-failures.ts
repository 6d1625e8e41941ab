/** Why a step of a build failed. Tools report that only as text, so texts are matched here. */
import type { FailureRow } from "../lib/failure-table.ts";

type StepRow = FailureRow<"IMAGE_BUILD_FAILED", undefined>;

export const STEP_FAILURES: readonly StepRow[] = [
  row(
    "OpenSSL as pip, curl, git and uv quote it",
    /certificate verify failed|CERTIFICATE_VERIFY_FAILED|unable to get local issuer|self.signed certificate|unknown ca|invalid peer certificate/i,
    "The step does not trust the server's certificate. Start the server with SSL_CERT_FILE set to a bundle that holds your authority: its build steps get it.",
  ),
  row(
    "ENOSPC",
    /no space left on device/i,
    "The engine's disk is full. Free space: boxkite images prune, or the engine's own image prune.",
  ),
  row(
    "pip, uv",
    /no matching distribution found|could not find a version that satisfies|no solution found when resolving|because .* was not found in the package registry/i,
    "The index has no such version for this image's Python. Check the name and the version, or give index_url= / extra_index_urls=.",
  ),
  row(
    "apt-get",
    /unable to locate package|has no installation candidate/i,
    "The image's own distribution has no such package. Check the name against the distribution and release of the base image.",
  ),
  row(
    "python-steps.ts",
    /no python on PATH/i,
    'Put the Python of the image on PATH before this layer: .with_env_vars({"PATH": "/where/it/is/bin:$PATH"}).',
  ),
  row(
    "python-steps.ts",
    /neither pip nor ensurepip/i,
    'Give the image pip before this layer: .with_apt_packages("python3-pip", "python3-venv").',
  ),
  row(
    "getaddrinfo(3) and connect(2) as pip, apt-get, curl and uv quote them",
    /temporary failure in name resolution|temporary failure resolving|could not resolve host|failed to establish a new connection|network is unreachable|dns error/i,
    "The step could not reach the network. Behind a proxy, start the server with HTTPS_PROXY set: its build steps get it.",
  ),
  row(
    "EACCES, EPERM",
    /permission denied|operation not permitted/i,
    "Steps run as root, so the path is read-only or the program is not executable: check it in the base image.",
  ),
  row(
    "sh, bash and the OCI runtimes",
    /command not found|: not found|executable file not found/i,
    "The base has no such program on its PATH. Install it in an earlier layer, or write its full path.",
  ),
  row(
    "pip",
    /ResolutionImpossible|conflicting dependencies|incompatible/i,
    "The packages contradict each other. Loosen one of the versions that the message names.",
  ),
  row(
    "pip, setuptools",
    /error: (metadata-generation-failed|subprocess-exited-with-error)|failed building wheel|command '(gcc|cc|x86_64-linux-gnu-gcc)'/i,
    'A package has to be compiled. Choose a version with a wheel for this Python, or add .with_apt_packages("build-essential") before it.',
  ),
];

function row(source: string, text: RegExp, hint: string): StepRow {
  return {
    answers: { text },
    code: "IMAGE_BUILD_FAILED",
    kind: "user",
    retry: "never",
    hint: () => hint,
    source,
  };
}
