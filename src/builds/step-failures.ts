/** Why a step of a build failed. Tools report that only as text, so texts are matched here. */
import type { FailureRow } from "../lib/failure-table.ts";

type StepRow = FailureRow<"IMAGE_BUILD_FAILED" | "ENGINE_FAILED", undefined>;

/** Whether a step or the engine itself met it. */
export const FULL_DISK_HINT =
  "The engine's disk is full. Free space: boxkite images prune, or the engine's own image prune.";

export const STEP_FAILURES: readonly StepRow[] = [
  row(
    "OpenSSL as pip, curl, git and uv quote it",
    /certificate verify failed|CERTIFICATE_VERIFY_FAILED|unable to get local issuer|self.signed certificate|unknown ca|invalid peer certificate/i,
    "The step does not trust the server's certificate. Start the server with SSL_CERT_FILE set to a bundle that holds your authority: its build steps get it.",
  ),
  {
    answers: { text: /no space left on device|disk quota exceeded|ENOSPC/i },
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "never",
    hint: () => FULL_DISK_HINT,
    source: "ENOSPC, EDQUOT, as programs quote them",
  },
  row(
    "getaddrinfo(3) and connect(2) as pip, apt-get, curl, uv and npm quote them",
    /temporary failure in name resolution|temporary failure resolving|could not resolve|failed to establish a new connection|network is unreachable|dns error|EAI_AGAIN|ENOTFOUND|ETIMEDOUT|ENETUNREACH|connection timed out|read timed out|operation timed out|unable to connect to|could not connect to/i,
    "The step could not reach the network. Behind a proxy, start the server with HTTPS_PROXY set: its build steps get it.",
  ),
  row(
    "SIGKILL as the engines report it",
    /^exit (status|code:) 137$/im,
    "The step was killed, most likely for its memory: end other work on this machine, or let the step use less.",
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
    "npm",
    /npm (ERR!|error) code (EUSAGE|ERESOLVE)|ERR_PNPM_OUTDATED_LOCKFILE/,
    "The lockfile and package.json do not belong together: run npm install (or pnpm install) and commit the lockfile.",
  ),
  row(
    "npm",
    /npm (ERR!|error) code (E404|ETARGET)|ERR_PNPM_(FETCH_404|NO_MATCHING_VERSION)/,
    "The package registry has no such package or version. Check its name, and the registry in .npmrc.",
  ),
  row(
    "npm",
    /npm (ERR!|error) code EINTEGRITY/,
    "A package is not the one in the lockfile: install it anew and commit the lockfile.",
  ),
  row(
    "npm",
    /npm (ERR!|error) code (E401|E403)|ERR_PNPM_FETCH_40[13]/,
    "The package registry requires a login: put its token into .npmrc by a secret of the layer.",
  ),
  row(
    "npm",
    /npm (ERR!|error) command (failed|sh -c)|ELIFECYCLE/,
    "A script of a package failed, which npm or pnpm runs after installing: its output is above.",
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
