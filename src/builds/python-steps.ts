/**
 * The shell of the steps that install Python packages.
 *
 * They install into the interpreter that `python` resolves to by PATH at that point, as at the start of a task,
 * so a virtual environment or conda needs no special case. The tool is the image's
 * own pip, which reads the team's pip configuration. uv is fetched for one step and removed again, where a
 * layer is a uv project, or where its options are uv's (the SDK's local builder is uv, so people use them).
 */
import type {
  PipLayer,
  PipOptions,
  PoetryLayer,
  RequirementsLayer,
  SecretMount,
  UvProjectLayer,
  WheelsLayer,
} from "../images/image-spec.ts";
import { shellArguments, shellWord, shellWordWith } from "./quoting.ts";

/** The version that flyte 2.12 itself builds with. */
const UV = "uv==0.13.4";
const POETRY = "poetry>=2.1,<3";
const INPUT = "/run/boxkite/input";

/** Fails with a clear message instead of the shell's "not found"; installs the bundled pip if there is none. */
const FIND_PYTHON = [
  "set -e;",
  `python="$(command -v python || command -v python3)" ||`,
  `  { echo 'boxkite: no python on PATH in this image' >&2; exit 127; };`,
  `"$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null ||`,
  `  { echo "boxkite: $python has neither pip nor ensurepip" >&2; exit 127; };`,
  // Debian's protection of the system's Python is for shared systems, which a container is not.
  "export PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_USER=0 PIP_CACHE_DIR=/run/boxkite/cache/pip;",
];

const PIP = `"$python" -m pip`;

const FETCH_UV = [
  `tools="$(mktemp -d)";`,
  `${PIP} install --quiet --no-input --disable-pip-version-check --target "$tools" ${UV};`,
  `export UV_CACHE_DIR=/run/boxkite/cache/uv UV_LINK_MODE=copy UV_BREAK_SYSTEM_PACKAGES=1 UV_PYTHON_DOWNLOADS=never;`,
];
const DROP_UV = `rm -rf "$tools"`;
const UV_RUN = `"$tools/bin/uv"`;

/** Options that uv has and pip does not. */
const UV_ONLY =
  /(^|\s)--(prerelease|index-strategy|exclude-newer|resolution|link-mode|compile-bytecode|no-sources|reinstall|reinstall-package|upgrade-package|override|overrides|torch-backend|index|default-index|refresh|refresh-package|system|keyring-provider|native-tls|no-build|no-build-package|fork-strategy|allow-insecure-host)(?=[\s=]|$)/;

export function pipScript(layer: PipLayer): string[] {
  return install(
    pipOptions(layer),
    layer.packages.map((name) => shellWordWith(name, secretVariables(layer.secrets))),
  );
}

export function requirementsScript(layer: RequirementsLayer): string[] {
  return install(pipOptions(layer), [`--requirement ${INPUT}`]);
}

/**
 * Twice, as the SDK does: first with its dependencies from the index, then exactly the wheel that was
 * uploaded, so that a released version of the same package never replaces it.
 */
export function wheelsScript(layer: WheelsLayer): string[] {
  const uv = UV_ONLY.test(layer.options.extraArgs);
  // Older SDKs name no package: then every wheel of the folder is meant.
  const target = layer.packageName === "" ? `${INPUT}/*.whl` : shellWord(layer.packageName);
  const options = [...pipOptions(layer), `--find-links ${INPUT}`];
  const force = ["--no-deps", "--no-index", uv ? "--reinstall" : "--force-reinstall"];
  const tool = uv ? `${UV_RUN} pip install --python "$python"` : `${PIP} install --no-input`;
  return [
    ...FIND_PYTHON,
    ...(uv ? FETCH_UV : []),
    `${[tool, ...options, target].join(" ")} &&`,
    [tool, ...options, ...force, target].join(" "),
    ...(uv ? [`&& ${DROP_UV}`] : []),
  ];
}

/**
 * `uv sync` into the image's interpreter, whatever it is: an environment, conda or /usr/local. The project
 * is copied first, because uv writes next to it, and not installed as editable, because the copy is removed.
 */
export function uvProjectScript(layer: UvProjectLayer, project: string): string[] {
  const folder = project === "" ? `"$tools/project"` : `"$tools/project/"${shellWord(project)}`;
  return [
    ...FIND_PYTHON,
    ...FETCH_UV,
    `cp -r ${INPUT} "$tools/project";`,
    `UV_PROJECT_ENVIRONMENT="$("$python" -c 'import sys; print(sys.prefix)')"`,
    `${[`${UV_RUN} sync --python "$python" --inexact --no-editable --project ${folder}`, ...pipOptions(layer)].join(" ")} &&`,
    DROP_UV,
  ];
}

/**
 * Poetry runs from an environment of its own and installs into the image's interpreter. It can install a
 * project itself only as a link to its sources, so that last part is pip's.
 */
export function poetryScript(layer: PoetryLayer): string[] {
  const dependenciesOnly = /(^|\s)--no-root\b/.test(layer.extraArgs);
  const extra = shellArguments(layer.extraArgs);
  const poetry = [
    `${UV_RUN} tool run --quiet --python "$python" --from ${shellWord(POETRY)}`,
    `poetry install --no-interaction --directory "$tools/project"`,
    ...(dependenciesOnly ? [] : ["--no-root"]),
    ...(extra === "" ? [] : [extra]),
  ].join(" ");
  return [
    ...FIND_PYTHON,
    ...FETCH_UV,
    `cp -r ${INPUT} "$tools/project";`,
    `export POETRY_CACHE_DIR=/run/boxkite/cache/poetry POETRY_VIRTUALENVS_CREATE=false;`,
    `VIRTUAL_ENV="$("$python" -c 'import sys; print(sys.prefix)')"`,
    `${poetry} &&`,
    ...(dependenciesOnly ? [] : [`${PIP} install --no-input --no-deps "$tools/project" &&`]),
    DROP_UV,
  ];
}

function install(options: readonly string[], targets: readonly string[]): string[] {
  const words = [...options, ...targets].map((word) => `  ${word}`);
  if (!UV_ONLY.test(options.join(" "))) return [...FIND_PYTHON, `${PIP} install --no-input`, ...words];
  return [...FIND_PYTHON, ...FETCH_UV, `${UV_RUN} pip install --python "$python"`, ...words, `&& ${DROP_UV}`];
}

/** Without our own part of the script. */
export function pipCommand(layer: Configured, targets: readonly string[]): string {
  const options = pipOptions(layer);
  return [UV_ONLY.test(options.join(" ")) ? "uv pip install" : "pip install", ...options, ...targets].join(
    " ",
  );
}

interface Configured {
  readonly options: PipOptions;
  readonly secrets: readonly SecretMount[];
}

export function pipOptions({ options, secrets }: Configured): string[] {
  const { indexUrl, extraIndexUrls, pre, extraArgs } = options;
  const word = (text: string) => shellWordWith(text, secretVariables(secrets));
  return [
    ...(indexUrl === "" ? [] : [`--index-url ${word(indexUrl)}`]),
    ...extraIndexUrls.map((url) => `--extra-index-url ${word(url)}`),
    ...(pre ? ["--pre"] : []),
    ...(extraArgs.trim() === "" ? [] : [shellArguments(extraArgs)]),
  ];
}

function secretVariables(secrets: readonly SecretMount[]): string[] {
  return secrets.flatMap((secret) => secret.variable ?? []);
}
