/**
 * Renders an image specification as a Containerfile: a pure function, so that equal input gives equal text, for
 * which the engine's layer cache is used.
 *
 * Users and owners:
 * - Steps that install or adapt run as root, whatever USER the base declares: a hardened base could not be
 *   adapted otherwise. (The SDK's own local builder does the same.) At the end USER is what it was.
 * - Code that is copied in belongs to the image's own USER and lands in its WORKDIR, also where that USER
 *   has no name to give to --chown: ownership is written in numbers.
 * - WORKDIR, ENTRYPOINT, CMD and every variable of the base stay as they are unless a layer changes them.
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
import { type ContainerfileStep, Instructions, summaryOf } from "./instructions.ts";
import { type Inputs, type StagedInput, createInputs } from "./inputs.ts";
import { aptScript } from "./apt-step.ts";
import { type PythonLayer, pythonStep } from "./python-layers.ts";
import { requireApt, requirePython } from "./prerequisites.ts";
import { runInstruction, type RunNeeds, type RunSupport } from "./run-instruction.ts";
import { CA_FILE, CA_VARIABLES } from "../images/certificates.ts";
import { copyArguments, copyPattern, envName, envValue, refuseLineBreak, shellWord } from "./quoting.ts";

export interface RenderOptions extends RunSupport {
  /** The content digest (hex) of a path in the uploaded context; undefined where nothing is there. */
  readonly digestOf: (path: string) => string | undefined;
}

export interface RenderedContainerfile {
  readonly text: string;
  readonly steps: readonly ContainerfileStep[];
  /** The files to put under `inputs/` of the build context; the upload is under `context/`. */
  readonly inputs: readonly StagedInput[];
  /** Every secret that some step mounts. */
  readonly secrets: readonly SecretMount[];
}

/** The folder of the build context that holds the upload. */
export const UPLOAD_FOLDER = "context";
const INPUTS_FOLDER = "inputs";

/** The PATH that engines set if the image has none. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function renderContainerfile(
  spec: ImageSpec,
  base: BaseImageFacts,
  options: RenderOptions,
): RenderedContainerfile {
  const renderer = new Renderer(spec, base, options);
  renderer.head();
  spec.layers.forEach((layer, index) => renderer.layer(layer, index + 1));
  renderer.foot();
  return renderer.result();
}

class Renderer {
  readonly #spec: ImageSpec;
  readonly #base: BaseImageFacts;
  readonly #options: RenderOptions;
  readonly #inputs: Inputs;
  readonly #out = new Instructions("the base image");
  readonly #secrets = new Map<string, SecretMount>();
  /** The name in /etc/passwd of a user that a layer has created, and that the image runs as. */
  #createdUser: string | undefined;
  #pathIsSet: boolean;

  constructor(spec: ImageSpec, base: BaseImageFacts, options: RenderOptions) {
    this.#spec = spec;
    this.#base = base;
    // Certificates are passed by a mount; without it, the variables would name a file that does not exist.
    this.#options = { ...options, certificates: options.certificates && options.mounts };
    this.#inputs = createInputs(INPUTS_FOLDER, (path) => {
      const digest = options.digestOf(path);
      if (digest !== undefined) return digest;
      throw new BoxkiteError(
        "INVALID_ARGUMENT",
        `${this.#out.title}: ${path} is not in the uploaded build context`,
        {
          hint: "see that the file exists below the folder of your program, and that no ignore file leaves it out",
        },
      );
    });
    this.#pathIsSet = "PATH" in base.env;
  }

  head(): void {
    const { python, user, workdir } = this.#base;
    this.#out.comment(
      `Base ${this.#base.reference}: ${describePython(python)}, USER ${user || "root"}, WORKDIR ${workdir || "/"}.`,
    );
    if (typeof python === "object" && !`${python.version}.`.startsWith(`${this.#spec.pythonVersion}.`)) {
      this.#out.comment(`The client's Python is ${this.#spec.pythonVersion}; the base's own is kept.`);
    }
    this.#out.add(`FROM ${this.#base.from}`);
    if (this.#options.certificates) {
      this.#out.paragraph(
        "The certificate authorities of the machine that builds, for the steps below only.",
      );
      this.#out.add(`ARG ${CA_VARIABLES.map((name) => `${name}=${CA_FILE}`).join(" \\\n    ")}`);
    }
    if (!isRoot(this.#base.owner)) {
      this.#out.paragraph("Steps that install run as root; the image's own USER comes back at the end.");
      this.#out.add("USER root");
    }
  }

  layer(layer: Layer, number: number): void {
    this.#out.begin(`layer ${number} (${LAYER_TITLES[layer.kind]})`, number);
    this.#out.paragraph(`Layer ${number}: ${LAYER_TITLES[layer.kind]}`);
    switch (layer.kind) {
      case "apt":
        requireApt(this.#spec, number, this.#base, this.#out.title);
        return this.#run(
          aptScript(layer.packages, this.#options.certificates),
          { secrets: layer.secrets },
          `apt-get install ${layer.packages.join(" ")}`,
        );
      case "commands":
        return this.#commands(layer.commands, layer.secrets);
      case "workdir":
        return this.#workdir(layer);
      case "copy":
        return this.#copy(layer);
      case "env":
        return this.#env(layer);
      case "pip":
      case "requirements":
      case "wheels":
      case "uv-project":
      case "poetry":
        return this.#python(layer, number);
    }
  }

  foot(): void {
    this.#out.begin("the image's own USER");
    const user = this.#createdUser ?? (isRoot(this.#base.owner) ? undefined : this.#base.user);
    if (user === undefined) return;
    this.#out.paragraph("The image runs as its own USER.");
    this.#out.add(`USER ${user}`);
  }

  result(): RenderedContainerfile {
    return {
      text: this.#out.text,
      steps: this.#out.steps,
      inputs: this.#inputs.staged(),
      secrets: [...this.#secrets.values()],
    };
  }

  #commands(commands: readonly string[], secrets: readonly SecretMount[]): void {
    for (const command of commands) {
      this.#run(command, { secrets }, `RUN ${summaryOf(command)}`);
      // The SDK's Debian images create a user in a command, which the image is meant to run as.
      if (/\buseradd\b[^;&|]*\sflyte\b/.test(command)) this.#createdUser = "flyte";
    }
  }

  /** A new WORKDIR must be writable by USER: a code bundle is unpacked into it at the start of a task. */
  #workdir(layer: WorkdirLayer): void {
    refuseLineBreak(layer.path, "working directory");
    const owner = this.#owner();
    if (owner !== undefined) {
      const path = shellWord(layer.path);
      this.#run(`test -d ${path} || { mkdir -p ${path} && chown ${owner} ${path}; }`, {}, `mkdir ${path}`);
    }
    this.#out.add(`WORKDIR ${layer.path}`);
  }

  #copy(layer: CopyLayer): void {
    const owner = this.#owner();
    const source = copyPattern(posix.join(UPLOAD_FOLDER, layer.source));
    const chown = owner === undefined ? "" : `--chown=${owner} `;
    this.#out.add(
      `COPY ${chown}${copyArguments(source, layer.destination)}`,
      `COPY ${layer.source} ${layer.destination}`,
    );
  }

  #env(layer: EnvLayer): void {
    const values = Object.values(layer.variables);
    if (!this.#pathIsSet && values.some((value) => references(value).includes("PATH"))) {
      this.#out.comment("The base sets no PATH: this is what an engine gives it.");
      this.#out.add(`ENV PATH=${DEFAULT_PATH}`);
    }
    if ("PATH" in layer.variables) this.#pathIsSet = true;
    for (const names of orderVariables(layer.variables)) {
      const pairs = names.map((name) => `${envName(name)}=${envValue(name, layer.variables[name] ?? "")}`);
      this.#out.add(`ENV ${pairs.join(" \\\n    ")}`);
    }
    // A virtual environment that is named but does not exist is created: the SDK's Debian images rely on it.
    if ("VIRTUAL_ENV" in layer.variables) {
      this.#run(
        [
          `test -x "$VIRTUAL_ENV/bin/python" || {`,
          `  python="$(command -v python || command -v python3)" && "$python" -m venv "$VIRTUAL_ENV"; }`,
        ],
        {},
        `python -m venv ${layer.variables["VIRTUAL_ENV"] ?? ""}`,
      );
    }
  }

  #python(layer: PythonLayer, number: number): void {
    const step = pythonStep(layer, this.#inputs);
    if (step === undefined) return;
    requirePython(this.#spec, number, this.#base, this.#out.title);
    this.#run(step.script, { secrets: layer.secrets, input: step.input, cache: true }, step.summary);
  }

  /** The owner of copied files; undefined for root, the default. */
  #owner(): string | undefined {
    if (this.#createdUser !== undefined) return `${this.#createdUser}:${this.#createdUser}`;
    const { owner } = this.#base;
    return isRoot(owner) ? undefined : `${owner.uid}:${owner.gid}`;
  }

  #run(script: string | readonly string[], needs: RunNeeds, summary: string): void {
    for (const secret of needs.secrets ?? []) this.#secrets.set(secretId(secret), secret);
    this.#out.add(runInstruction(script, needs, this.#options, this.#out.title), summary);
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
