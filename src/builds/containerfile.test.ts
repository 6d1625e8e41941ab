import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { BaseImageFacts } from "./base-facts.ts";
import { renderContainerfile, type RenderOptions } from "./containerfile.ts";
import type { ImageSpec, Layer, PipOptions } from "../images/image-spec.ts";

const NO_PIP_OPTIONS: PipOptions = { indexUrl: "", extraIndexUrls: [], pre: false, extraArgs: "" };

const ROOT_BASE: BaseImageFacts = {
  reference: "docker.io/team/base:1",
  from: "docker.io/team/base@sha256:ba5e",
  architecture: "amd64",
  user: "",
  owner: { uid: 0, gid: 0 },
  workdir: "/srv",
  env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
  python: { path: "/usr/local/bin/python", version: "3.11.7" },
  apt: true,
};

const USER_BASE: BaseImageFacts = { ...ROOT_BASE, user: "app", owner: { uid: 1500, gid: 1600 } };

const OPTIONS: RenderOptions = { digestOf: (path) => `digest of ${path}`, mounts: true, certificates: false };

function specOf(...layers: Layer[]): ImageSpec {
  return { baseImage: "team/base:1", pythonVersion: "3.11", platforms: [], layers };
}

/** The text of these layers alone, without what stands above and below them. */
function render(layers: Layer[], base = ROOT_BASE, options: Partial<RenderOptions> = {}): string {
  const { text } = renderContainerfile(specOf(...layers), base, { ...OPTIONS, ...options });
  const from = text.indexOf("\n# Layer 1");
  const foot = text.indexOf("\n# The image runs as");
  return text.slice(from + 1, foot === -1 ? undefined : foot).trimEnd();
}

const FIND_PYTHON = `    set -e; \\
    python="$(command -v python || command -v python3)" || \\
      { echo 'boxkite: no python on PATH in this image' >&2; exit 127; }; \\
    "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null || \\
      { echo "boxkite: $python has neither pip nor ensurepip" >&2; exit 127; }; \\
    export PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_USER=0 PIP_CACHE_DIR=/run/boxkite/cache/pip; \\`;

const cacheOf = (id: string) => `--mount=type=cache,id=${id},target=/run/boxkite/cache`;
const CACHE = cacheOf("boxkite-python");

const FETCH_UV = `    tools="$(mktemp -d)"; \\
    "$python" -m pip install --quiet --no-input --disable-pip-version-check --target "$tools" uv==0.13.4; \\
    export UV_CACHE_DIR=/run/boxkite/cache/uv UV_LINK_MODE=copy UV_BREAK_SYSTEM_PACKAGES=1 UV_PYTHON_DOWNLOADS=never; \\`;

suite("the frame", () => {
  test("a root base stays as it is", () => {
    assert.equal(
      renderContainerfile(specOf(), ROOT_BASE, OPTIONS).text,
      `# Base docker.io/team/base:1: Python 3.11.7 at /usr/local/bin/python, USER root, WORKDIR /srv.
FROM docker.io/team/base@sha256:ba5e
`,
    );
  });

  test("a base's own USER comes back at the end, another Python is only noted", () => {
    const base: BaseImageFacts = {
      ...USER_BASE,
      python: { path: "/opt/conda/bin/python", version: "3.13.1" },
    };
    assert.equal(
      renderContainerfile(specOf(), base, OPTIONS).text,
      `# Base docker.io/team/base:1: Python 3.13.1 at /opt/conda/bin/python, USER app, WORKDIR /srv.
# The client's Python is 3.11; the base's own is kept.
FROM docker.io/team/base@sha256:ba5e

# Steps that install run as root; the image's own USER comes back at the end.
USER root

# The image runs as its own USER.
USER app
`,
    );
  });

  test("certificates are arguments and a mount of steps, never variables of the image", () => {
    const layer: Layer = { kind: "commands", commands: ["make"], secrets: [] };
    const { text } = renderContainerfile(specOf(layer), ROOT_BASE, { ...OPTIONS, certificates: true });
    assert.match(text, /^ARG SSL_CERT_FILE=\/run\/boxkite\/ca\.crt \\\n {4}PIP_CERT=/m);
    assert.ok(
      text.includes(
        "RUN --mount=type=secret,id=boxkite-ca,target=/run/boxkite/ca.crt,mode=0444 \\\n    make\n",
      ),
    );
    assert.doesNotMatch(text, /^ENV/m);
  });

  test("steps know their layer and their lines", () => {
    const layers: Layer[] = [
      { kind: "commands", commands: ["one", "two"], secrets: [] },
      { kind: "workdir", path: "/w" },
    ];
    const { text, steps } = renderContainerfile(specOf(...layers), ROOT_BASE, OPTIONS);
    const lines = text.split("\n");
    assert.deepEqual(
      steps.map((step) => [step.layer, step.title, lines[step.firstLine - 1]]),
      [
        [undefined, "the base image", "FROM docker.io/team/base@sha256:ba5e"],
        [1, "layer 1 (commands)", "RUN one"],
        [1, "layer 1 (commands)", "RUN two"],
        [2, "layer 2 (working directory)", "WORKDIR /w"],
      ],
    );
  });

  test("equal input gives equal text", () => {
    const layer = (entries: [string, string][]): Layer => ({
      kind: "env",
      variables: Object.fromEntries(entries),
    });
    const one = render([
      layer([
        ["B", "2"],
        ["A", "1"],
      ]),
    ]);
    assert.equal(
      one,
      render([
        layer([
          ["A", "1"],
          ["B", "2"],
        ]),
      ]),
    );
  });
});

suite("layers", () => {
  test("apt packages", () => {
    assert.equal(
      render([{ kind: "apt", packages: ["libpq-dev", "vim=2:9.0*"], secrets: [] }]),
      `# Layer 1: apt packages
RUN export DEBIAN_FRONTEND=noninteractive; \\
    apt-get update && \\
    apt-get install -y --no-install-recommends libpq-dev 'vim=2:9.0*' && \\
    rm -rf /var/lib/apt/lists/*`,
    );
  });

  test("pip packages, with options", () => {
    const options = {
      indexUrl: "https://index.invalid/a b",
      extraIndexUrls: ["https://x.invalid"],
      pre: true,
      extraArgs: " --no-deps ",
    };
    assert.equal(
      render([{ kind: "pip", packages: ["pandas==2.1.4", "torch>=2,<3"], options, secrets: [] }]),
      `# Layer 1: pip packages
RUN ${CACHE} \\
${FIND_PYTHON}
    "$python" -m pip install --no-input \\
      --index-url 'https://index.invalid/a b' \\
      --extra-index-url https://x.invalid \\
      --pre \\
      --no-deps \\
      pandas==2.1.4 \\
      'torch>=2,<3'`,
    );
  });

  test("pip packages with options that only uv has", () => {
    const options = { ...NO_PIP_OPTIONS, extraArgs: "--index-strategy unsafe-best-match" };
    assert.equal(
      render([{ kind: "pip", packages: ["pandas"], options, secrets: [] }]),
      `# Layer 1: pip packages
RUN ${CACHE} \\
${FIND_PYTHON}
${FETCH_UV}
    "$tools/bin/uv" pip install --python "$python" \\
      --index-strategy unsafe-best-match \\
      pandas \\
    && rm -rf "$tools"`,
    );
  });

  test("secrets: a variable, a file, and only the variable expands", () => {
    const secrets = [
      { key: "pat", group: "git", variable: "GIT_PAT" },
      { key: "other", group: "", variable: undefined },
    ];
    const layer: Layer = {
      kind: "pip",
      packages: ["git+https://$GIT_PAT@git.invalid/$x"],
      options: NO_PIP_OPTIONS,
      secrets,
    };
    const rendered = renderContainerfile(specOf(layer), ROOT_BASE, OPTIONS);
    assert.deepEqual(rendered.secrets, secrets);
    assert.equal(
      render([layer]),
      `# Layer 1: pip packages
RUN ${cacheOf("boxkite-python+git_pat+other")} \\
    --mount=type=secret,id=git_pat,target=/run/boxkite/secret-git_pat,mode=0444 \\
    --mount=type=secret,id=other,target=/etc/flyte/secrets/other,mode=0444 \\
    export GIT_PAT="$(cat /run/boxkite/secret-git_pat)"; \\
${FIND_PYTHON}
    "$python" -m pip install --no-input \\
      "git+https://$GIT_PAT@git.invalid/\\$x"`,
    );
  });

  test("requirements are mounted under a name that tells their content", () => {
    const layer: Layer = {
      kind: "requirements",
      file: "_flyte_abs_context/my project/requirements.txt",
      options: NO_PIP_OPTIONS,
      secrets: [],
    };
    const { inputs } = renderContainerfile(specOf(layer), ROOT_BASE, OPTIONS);
    const path = inputs[0]?.path ?? "";
    assert.match(path, /^inputs\/requirements-[0-9a-f]{16}$/);
    assert.equal(
      render([layer]),
      `# Layer 1: requirements file
RUN ${CACHE} \\
    --mount=type=bind,source=${path},target=/run/boxkite/input \\
${FIND_PYTHON}
    "$python" -m pip install --no-input \\
      --requirement /run/boxkite/input`,
    );
    assert.notEqual(render([layer], ROOT_BASE, { digestOf: () => "other" }), render([layer]));
  });

  test("local wheels: with dependencies from the index, then exactly the uploaded one", () => {
    const layer: Layer = {
      kind: "wheels",
      directory: "dist",
      packageName: "mine",
      options: NO_PIP_OPTIONS,
      secrets: [],
    };
    assert.match(
      render([layer]),
      /"\$python" -m pip install --no-input --find-links \/run\/boxkite\/input mine && \\\n {4}"\$python" -m pip install --no-input --find-links \/run\/boxkite\/input --no-deps --no-index --force-reinstall mine$/,
    );
  });

  test("commands: as they are, or as a JSON string where a Containerfile would misread them", () => {
    const commands = ["echo $HOME && ls", "cat > /f <<END\ntext\nEND", "[ -d /x ]", "echo \\"];
    assert.equal(
      render([{ kind: "commands", commands, secrets: [] }]),
      `# Layer 1: commands
RUN echo $HOME && ls
RUN ["/bin/sh","-c","cat > /f <<END\\ntext\\nEND"]
RUN ["/bin/sh","-c","[ -d /x ]"]
RUN ["/bin/sh","-c","echo \\\\"]`,
    );
  });

  test("working directory: made for the image's own USER where it is not there", () => {
    const layer: Layer = { kind: "workdir", path: "/my app" };
    assert.equal(render([layer]), "# Layer 1: working directory\nWORKDIR /my app");
    assert.equal(
      render([layer], USER_BASE),
      `# Layer 1: working directory
RUN test -d '/my app' || { mkdir -p '/my app' && chown 1500:1600 '/my app'; }
WORKDIR /my app`,
    );
  });

  test("files belong to the image's own USER, in numbers; no path is a pattern", () => {
    const layers: Layer[] = [
      { kind: "copy", source: "_flyte_abs_context/home/me/app", destination: "." },
      { kind: "copy", source: "my [new] app", destination: "./app" },
    ];
    assert.equal(
      render(layers, USER_BASE),
      `# Layer 1: files
COPY --chown=1500:1600 context/_flyte_abs_context/home/me/app .

# Layer 2: files
COPY --chown=1500:1600 ["context/my [[]new] app","./app"]`,
    );
    assert.match(render(layers), /^COPY context\/_flyte_abs/m);
  });

  test("environment: $PATH is the base's, a name of the same layer comes first, text means itself", () => {
    const variables = { PATH: "$CONDA/bin:$PATH", CONDA: "/opt/conda", TEXT: 'say "hi" \\ $X \\$5' };
    assert.equal(
      render([{ kind: "env", variables }]),
      `# Layer 1: environment variables
ENV CONDA="/opt/conda" \\
    TEXT="say \\"hi\\" \\\\ $X \\$5"
ENV PATH="$CONDA/bin:$PATH"`,
    );
  });

  test("environment: a base without PATH has the engine's", () => {
    assert.match(
      render([{ kind: "env", variables: { PATH: "/x:$PATH" } }], { ...ROOT_BASE, env: {} }),
      /ENV PATH=\/usr\/local\/sbin:\S+\nENV PATH="\/x:\$PATH"$/,
    );
  });

  test("a virtual environment that is named but not there is made", () => {
    assert.equal(
      render([{ kind: "env", variables: { VIRTUAL_ENV: "/opt/venv" } }]),
      `# Layer 1: environment variables
ENV VIRTUAL_ENV="/opt/venv"
RUN test -x "$VIRTUAL_ENV/bin/python" || { \\
      python="$(command -v python || command -v python3)" && "$python" -m venv "$VIRTUAL_ENV"; }`,
    );
  });

  test("a user that the SDK's Debian image makes is the one it runs as", () => {
    const command =
      "if ! id -u flyte >/dev/null 2>&1; then useradd --create-home --shell /bin/bash flyte; fi";
    const layers: Layer[] = [
      { kind: "commands", commands: [command], secrets: [] },
      { kind: "copy", source: "app", destination: "." },
    ];
    const { text } = renderContainerfile(specOf(...layers), ROOT_BASE, OPTIONS);
    assert.match(text, /COPY --chown=flyte:flyte context\/app \.\n/);
    assert.match(text, /\nUSER flyte\n$/);
  });

  test("uv project: dependencies, lock file and local sources", () => {
    const layer: Layer = {
      kind: "uv-project",
      directory: "src/train",
      lockFile: "src/train/uv.lock",
      sourceDirectory: "src",
      options: { ...NO_PIP_OPTIONS, extraArgs: "--no-install-project" },
      secrets: [],
    };
    const { inputs } = renderContainerfile(specOf(layer), ROOT_BASE, OPTIONS);
    assert.deepEqual(inputs[0]?.parts, [
      { from: "src", to: "" },
      { from: "src/train/uv.lock", to: "train/uv.lock" },
    ]);
    assert.ok(
      render([layer]).endsWith(`${FIND_PYTHON}
${FETCH_UV}
    cp -r /run/boxkite/input "$tools/project"; \\
    UV_PROJECT_ENVIRONMENT="$("$python" -c 'import sys; print(sys.prefix)')" \\
    "$tools/bin/uv" sync --python "$python" --inexact --no-editable --project "$tools/project/"train --no-install-project && \\
    rm -rf "$tools"`),
    );
  });

  test("Poetry project, installed itself", () => {
    const layer: Layer = {
      kind: "poetry",
      pyproject: "proj",
      lockFile: "proj/poetry.lock",
      extraArgs: "",
      secrets: [],
    };
    assert.ok(
      render([layer]).endsWith(`    cp -r /run/boxkite/input "$tools/project"; \\
    export POETRY_CACHE_DIR=/run/boxkite/cache/poetry POETRY_VIRTUALENVS_CREATE=false; \\
    VIRTUAL_ENV="$("$python" -c 'import sys; print(sys.prefix)')" \\
    "$tools/bin/uv" tool run --quiet --python "$python" --from 'poetry>=2.1,<3' poetry install --no-interaction --directory "$tools/project" --no-root && \\
    "$python" -m pip install --no-input --no-deps "$tools/project" && \\
    rm -rf "$tools"`),
    );
  });

  test("Poetry project, dependencies only", () => {
    const layer: Layer = {
      kind: "poetry",
      pyproject: "p/pyproject.toml",
      lockFile: "l/poetry.lock",
      extraArgs: " --no-root",
      secrets: [],
    };
    const { inputs } = renderContainerfile(specOf(layer), ROOT_BASE, OPTIONS);
    assert.deepEqual(inputs[0]?.parts, [
      { from: "p/pyproject.toml", to: "pyproject.toml" },
      { from: "l/poetry.lock", to: "poetry.lock" },
    ]);
    assert.match(render([layer]), /--directory "\$tools\/project" --no-root && \\\n {4}rm -rf "\$tools"$/);
  });
});

suite("what cannot be built is said before it is tried", () => {
  const pip: Layer = { kind: "pip", packages: ["x"], options: NO_PIP_OPTIONS, secrets: [] };
  const refused: [string, Layer[], BaseImageFacts, Partial<RenderOptions>, RegExp][] = [
    ["no python", [pip], { ...ROOT_BASE, python: "none" }, {}, /layer 1 \(pip packages\): .* no python/],
    [
      "no apt",
      [{ kind: "apt", packages: ["x"], secrets: [] }],
      { ...ROOT_BASE, apt: false },
      {},
      /has no apt-get/,
    ],
    [
      "the classic builder and a mount",
      [{ kind: "requirements", file: "r.txt", options: NO_PIP_OPTIONS, secrets: [] }],
      ROOT_BASE,
      { mounts: false },
      /layer 1 \(requirements file\) needs RUN --mount/,
    ],
    [
      "a line break in a variable",
      [{ kind: "env", variables: { A: "1\n2" } }],
      ROOT_BASE,
      {},
      /variable A holds a line break/,
    ],
    [
      "a name with a space",
      [{ kind: "env", variables: { "A B": "1" } }],
      ROOT_BASE,
      {},
      /"A B" is not a name/,
    ],
    [
      "a file that was not sent",
      [{ kind: "requirements", file: "r.txt", options: NO_PIP_OPTIONS, secrets: [] }],
      ROOT_BASE,
      { digestOf: () => undefined },
      /r\.txt is not in the uploaded build context/,
    ],
  ];
  for (const [name, layers, base, options, message] of refused) {
    test(name, () => assert.throws(() => render(layers, base, options), { message }));
  }

  test("a layer that could have added Python is given its chance", () => {
    const commands: Layer = { kind: "commands", commands: ["install-python"], secrets: [] };
    assert.match(render([commands, pip], { ...ROOT_BASE, python: "none" }), /pip install/);
  });

  test("the classic builder builds what needs no mount", () => {
    assert.match(render([pip], ROOT_BASE, { mounts: false, certificates: true }), /^RUN set -e;/m);
  });
});
