/**
 * An image specification as a Containerfile: a pure function, so that equal input gives equal text, and
 * the engine's layer cache does the rest.
 *
 * Who owns what:
 * - Steps that install or adapt run as root, whatever USER the base declares: a hardened base could not be
 *   adapted otherwise. (The SDK's own local builder does the same.) At the end USER is what it was.
 * - Code that is copied in belongs to the image's own USER and lands in its WORKDIR, also where that USER
 *   has no name to give to --chown: ownership is written in numbers.
 * - WORKDIR, ENTRYPOINT, CMD and every variable of the base stay as they are unless a layer says otherwise.
 */
import { posix } from "node:path";
import { BoxkiteError } from "../domain/errors.ts";
import { type BaseImageFacts, isRoot } from "./base-facts.ts";
import { orderVariables, references } from "./env-order.ts";
import type {
  CopyLayer,
  EnvLayer,
  ImageSpec,
  Layer,
  SecretMount,
  WorkdirLayer,
} from "../images/image-spec.ts";
import { secretId } from "../images/image-spec.ts";
import { type Inputs, type StagedInput, createInputs } from "./inputs.ts";
import {
  pipScript,
  poetryScript,
  requirementsScript,
  uvProjectScript,
  wheelsScript,
} from "./python-steps.ts";
import { CA_FILE, CA_VARIABLES } from "../images/certificates.ts";
import { copyArguments, copyPattern, envValue, refuseLineBreak, shellWord } from "./quoting.ts";

export interface RenderOptions {
  /** The content digest (hex) of a path in the uploaded context; undefined where nothing is there. */
  readonly digestOf: (path: string) => string | undefined;
  /** Whether the builder understands `RUN --mount`. */
  readonly mounts: boolean;
  /** Whether the builder hands its certificate authorities to the steps, as the secret `CA_SECRET_ID`. */
  readonly certificates: boolean;
}

export interface RenderedContainerfile {
  readonly text: string;
  readonly steps: readonly ContainerfileStep[];
  /** What has to be laid out under `inputs/` of the build context, beside the upload under `context/`. */
  readonly inputs: readonly StagedInput[];
  /** Every secret that some step mounts. */
  readonly secrets: readonly SecretMount[];
}

/** One instruction: builders report progress and failures by its number or by its line. */
export interface ContainerfileStep {
  readonly text: string;
  readonly firstLine: number;
  readonly lastLine: number;
  /** The layer it came from, counted from 1; undefined for what Boxkite itself adds. */
  readonly layer: number | undefined;
  /** "layer 2 (pip packages)" */
  readonly title: string;
}

export const CA_SECRET_ID = "boxkite-ca";
/** The folder of the build context that holds the upload. */
export const UPLOAD_FOLDER = "context";
export const INPUTS_FOLDER = "inputs";

/** What an engine gives a process where the image sets no PATH. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function renderContainerfile(
  spec: ImageSpec,
  base: BaseImageFacts,
  options: RenderOptions,
): RenderedContainerfile {
  const page = new Page(spec, base, options);
  page.head();
  spec.layers.forEach((layer, index) => page.layer(layer, index + 1));
  page.foot();
  return page.result();
}

class Page {
  readonly #spec: ImageSpec;
  readonly #base: BaseImageFacts;
  readonly #options: RenderOptions;
  readonly #inputs: Inputs;
  readonly #lines: string[] = [];
  readonly #steps: ContainerfileStep[] = [];
  readonly #secrets = new Map<string, SecretMount>();
  #layer: number | undefined;
  #title = "the base image";
  /** The name in /etc/passwd of a user that a layer has created, and that the image runs as. */
  #createdUser: string | undefined;
  #pathIsSet: boolean;

  constructor(spec: ImageSpec, base: BaseImageFacts, options: RenderOptions) {
    this.#spec = spec;
    this.#base = base;
    // Certificates come by a mount; without one, naming their file would break what works.
    this.#options = { ...options, certificates: options.certificates && options.mounts };
    this.#inputs = createInputs(INPUTS_FOLDER, (path) => {
      const digest = options.digestOf(path);
      if (digest !== undefined) return digest;
      throw new BoxkiteError(
        "INVALID_ARGUMENT",
        `${this.#title}: ${path} is not in the uploaded build context`,
      );
    });
    this.#pathIsSet = "PATH" in base.env;
  }

  head(): void {
    const { python, user, workdir } = this.#base;
    this.#comment(
      `Base ${this.#base.reference}: ${describePython(python)}, USER ${user || "root"}, WORKDIR ${workdir || "/"}.`,
    );
    if (typeof python === "object" && !`${python.version}.`.startsWith(`${this.#spec.pythonVersion}.`)) {
      this.#comment(`The client's Python is ${this.#spec.pythonVersion}; the base's own is kept.`);
    }
    this.#instruction(`FROM ${this.#base.from}`);
    if (this.#options.certificates) {
      this.#gap("The certificate authorities of the machine that builds, for the steps below only.");
      this.#instruction(`ARG ${CA_VARIABLES.map((name) => `${name}=${CA_FILE}`).join(" \\\n    ")}`);
    }
    if (!isRoot(this.#base.owner)) {
      this.#gap("Steps that install run as root; the image's own USER comes back at the end.");
      this.#instruction("USER root");
    }
  }

  layer(layer: Layer, number: number): void {
    this.#layer = number;
    this.#title = `layer ${number} (${LAYER_TITLES[layer.kind]})`;
    this.#gap(`Layer ${number}: ${LAYER_TITLES[layer.kind]}`);
    switch (layer.kind) {
      case "apt":
        this.#requireApt(number);
        return this.#run(aptScript(layer.packages, this.#options.certificates), { secrets: layer.secrets });
      case "commands":
        return this.#commands(layer.commands, layer.secrets);
      case "workdir":
        return this.#workdir(layer);
      case "copy":
        return this.#copy(layer);
      case "env":
        return this.#env(layer);
      case "pip":
        if (layer.packages.length === 0) return;
        return this.#python(number, pipScript(layer), layer.secrets);
      case "requirements": {
        const input = this.#inputs.file(layer.file, "requirements");
        return this.#python(number, requirementsScript(layer), layer.secrets, input);
      }
      case "wheels": {
        const input = this.#inputs.folder("wheels", [{ from: layer.directory, to: "" }]);
        return this.#python(number, wheelsScript(layer), layer.secrets, input);
      }
      case "uv-project": {
        const root = layer.sourceDirectory ?? layer.directory;
        const inside = posix.relative(root, layer.directory);
        const project = inside.startsWith("..") ? "" : inside;
        const lock =
          layer.lockFile === undefined ? [] : [{ from: layer.lockFile, to: posix.join(project, "uv.lock") }];
        const input = this.#inputs.folder("uv-project", [
          { from: inside.startsWith("..") ? layer.directory : root, to: "" },
          ...lock,
        ]);
        return this.#python(number, uvProjectScript(layer, project), layer.secrets, input);
      }
      case "poetry": {
        const alone = posix.basename(layer.pyproject) === "pyproject.toml";
        const input = this.#inputs.folder("poetry-project", [
          { from: layer.pyproject, to: alone ? "pyproject.toml" : "" },
          { from: layer.lockFile, to: "poetry.lock" },
        ]);
        return this.#python(number, poetryScript(layer), layer.secrets, input);
      }
    }
  }

  foot(): void {
    this.#layer = undefined;
    this.#title = "the image's own USER";
    const user = this.#createdUser ?? (isRoot(this.#base.owner) ? undefined : this.#base.user);
    if (user === undefined) return;
    this.#gap("The image runs as its own USER.");
    this.#instruction(`USER ${user}`);
  }

  result(): RenderedContainerfile {
    return {
      text: `${this.#lines.join("\n")}\n`,
      steps: this.#steps,
      inputs: this.#inputs.staged(),
      secrets: [...this.#secrets.values()],
    };
  }

  #commands(commands: readonly string[], secrets: readonly SecretMount[]): void {
    for (const command of commands) {
      this.#run(command, { secrets });
      // The SDK's Debian images make their own user in a command, and mean the image to run as it.
      if (/\buseradd\b[^;&|]*\sflyte\b/.test(command)) this.#createdUser = "flyte";
    }
  }

  /** A new WORKDIR must be writable by USER: a code bundle is unpacked into it at the start of a task. */
  #workdir(layer: WorkdirLayer): void {
    refuseLineBreak(layer.path, "working directory");
    const owner = this.#owner();
    if (owner !== undefined) {
      const path = shellWord(layer.path);
      this.#run(`test -d ${path} || { mkdir -p ${path} && chown ${owner} ${path}; }`, {});
    }
    this.#instruction(`WORKDIR ${layer.path}`);
  }

  #copy(layer: CopyLayer): void {
    const owner = this.#owner();
    const source = copyPattern(posix.join(UPLOAD_FOLDER, layer.source));
    const chown = owner === undefined ? "" : `--chown=${owner} `;
    this.#instruction(`COPY ${chown}${copyArguments(source, layer.destination)}`);
  }

  #env(layer: EnvLayer): void {
    const values = Object.values(layer.variables);
    if (!this.#pathIsSet && values.some((value) => references(value).includes("PATH"))) {
      this.#comment("The base sets no PATH: this is what an engine gives it.");
      this.#instruction(`ENV PATH=${DEFAULT_PATH}`);
    }
    if ("PATH" in layer.variables) this.#pathIsSet = true;
    for (const names of orderVariables(layer.variables)) {
      const pairs = names.map((name) => `${envName(name)}=${envValue(name, layer.variables[name] ?? "")}`);
      this.#instruction(`ENV ${pairs.join(" \\\n    ")}`);
    }
    // An environment that is named but not there is meant to be made: the SDK's Debian images do so.
    if ("VIRTUAL_ENV" in layer.variables) {
      this.#run(
        [
          `test -x "$VIRTUAL_ENV/bin/python" || {`,
          `  python="$(command -v python || command -v python3)" && "$python" -m venv "$VIRTUAL_ENV"; }`,
        ],
        {},
      );
    }
  }

  #python(number: number, script: readonly string[], secrets: readonly SecretMount[], input?: string): void {
    if (this.#base.python === "none" && !this.#mayHaveAdded(number)) {
      throw new BoxkiteError(
        "IMAGE_BUILD_FAILED",
        `${this.#title}: ${this.#base.reference} has no python on its PATH to install into`,
        {
          hint:
            'If Python is elsewhere in the image, put it on PATH first: .with_env_vars({"PATH": "/where/it/is/bin:$PATH"}); ' +
            'else add one: .with_apt_packages("python3", "python3-pip").',
        },
      );
    }
    this.#run(script, { secrets, input, cache: true });
  }

  #requireApt(number: number): void {
    if (this.#base.apt !== false || this.#mayHaveAdded(number)) return;
    throw new BoxkiteError("IMAGE_BUILD_FAILED", `${this.#title}: ${this.#base.reference} has no apt-get`, {
      hint: "The base is not Debian or Ubuntu: install with its own package manager, in .with_commands([...]).",
    });
  }

  /** Whether an earlier layer could have put a program into the image, or a folder onto its PATH. */
  #mayHaveAdded(number: number): boolean {
    return this.#spec.layers
      .slice(0, number - 1)
      .some((layer) => ["apt", "commands", "copy", "env"].includes(layer.kind));
  }

  /** In whose name files are copied; undefined is root, the default. */
  #owner(): string | undefined {
    if (this.#createdUser !== undefined) return `${this.#createdUser}:${this.#createdUser}`;
    const { owner } = this.#base;
    return isRoot(owner) ? undefined : `${owner.uid}:${owner.gid}`;
  }

  #run(
    script: string | readonly string[],
    needs: { secrets?: readonly SecretMount[]; input?: string | undefined; cache?: boolean },
  ): void {
    const { secrets = [], input, cache = false } = needs;
    const { mounts, certificates } = this.#options;
    if (!mounts && (secrets.length > 0 || input !== undefined)) {
      throw new BoxkiteError(
        "IMAGE_BUILDER_TOO_OLD",
        `${this.#title} needs RUN --mount, which this builder does not have`,
        { hint: "Install Docker's buildx plug-in, or use Podman: boxkite up --engine podman" },
      );
    }
    const flags: string[] = [];
    if (certificates) {
      flags.push(`--mount=type=secret,id=${CA_SECRET_ID},target=${CA_FILE},mode=0444`);
    }
    if (mounts && cache) flags.push(`--mount=type=cache,id=${cacheId(secrets)},target=/run/boxkite/cache`);
    if (input !== undefined) flags.push(`--mount=type=bind,source=${input},target=/run/boxkite/input`);
    for (const secret of secrets) flags.push(this.#secretMount(secret));
    const exports = secrets.flatMap((secret) =>
      secret.variable === undefined
        ? []
        : [`export ${envName(secret.variable)}="$(cat /run/boxkite/secret-${secretId(secret)})";`],
    );
    const body =
      typeof script === "string" ? userScript(exports, script) : [...exports, ...script].join(" \\\n    ");
    this.#instruction(`RUN ${[...flags, body].join(" \\\n    ")}`);
  }

  #secretMount(secret: SecretMount): string {
    const id = secretId(secret);
    this.#secrets.set(id, secret);
    const file = secret.variable === undefined ? `/etc/flyte/secrets/${id}` : `/run/boxkite/secret-${id}`;
    return `--mount=type=secret,id=${id},target=${file},mode=0444`;
  }

  #gap(comment: string): void {
    this.#lines.push("");
    this.#comment(comment);
  }

  #comment(text: string): void {
    this.#lines.push(`# ${text.replace(/[\r\n]/g, " ")}`);
  }

  #instruction(text: string): void {
    const lines = text.split("\n");
    const firstLine = this.#lines.length + 1;
    this.#lines.push(...lines);
    const step = { text, firstLine, lastLine: this.#lines.length, layer: this.#layer, title: this.#title };
    this.#steps.push(step);
  }
}

const LAYER_TITLES: Record<Layer["kind"], string> = {
  apt: "apt packages",
  pip: "pip packages",
  requirements: "requirements file",
  wheels: "local wheels",
  commands: "commands",
  workdir: "working directory",
  copy: "files",
  env: "environment variables",
  "uv-project": "uv project",
  poetry: "Poetry project",
};

function describePython(python: BaseImageFacts["python"]): string {
  if (python === "none") return "no python on PATH";
  if (python === "unknown") return "python unknown";
  return `Python ${python.version} at ${python.path}`;
}

function aptScript(packages: readonly string[], certificates: boolean): string[] {
  const option = certificates ? ` -o Acquire::https::CAInfo="$SSL_CERT_FILE"` : "";
  return [
    "export DEBIAN_FRONTEND=noninteractive;",
    `apt-get update${option} &&`,
    `apt-get install${option} -y --no-install-recommends ${packages.map(shellWord).join(" ")} &&`,
    "rm -rf /var/lib/apt/lists/*",
  ];
}

/**
 * A command of the user, as it is. Text that a Containerfile would read differently from a shell (several
 * lines, a here-document, a leading bracket or flag) goes in as a JSON string, which both read alike.
 */
function userScript(exports: readonly string[], command: string): string {
  const script = [...exports, command].join(" ");
  const plain = !/[\r\n]|<<|\\$|^\s*(\[|--)/.test(script);
  return plain ? script : JSON.stringify(["/bin/sh", "-c", script]);
}

/**
 * Downloads are shared by steps that may read the same secrets, and by no others: what one step got with a
 * password is not there for the next one that has none.
 */
function cacheId(secrets: readonly SecretMount[]): string {
  return ["boxkite-python", ...new Set(secrets.map(secretId).toSorted())].join("-");
}

function envName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) return name;
  throw new BoxkiteError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(name)} is not a name of an environment variable`,
  );
}
