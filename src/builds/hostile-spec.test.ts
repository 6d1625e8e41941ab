/** Specifications that try to add instructions of their own to the Containerfile. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Layer, SecretMount } from "../images/image-spec.ts";
import type { BaseImageFacts } from "./base-facts.ts";
import { renderContainerfile } from "./containerfile.ts";

const BASE: BaseImageFacts = {
  reference: "docker.io/team/base:1",
  from: "0123",
  architecture: "amd64",
  user: "app",
  owner: { uid: 1500, gid: 1600 },
  workdir: "/app",
  env: { PATH: "/usr/bin" },
  python: { path: "/usr/bin/python", version: "3.11.1" },
  apt: true,
};

const STOLEN = "RUN --mount=type=bind,from=localhost/other/team:1,target=/x cp -r /x /stolen";

/** Texts that end the instruction they are in, or swallow the next one, where they are not quoted. */
const TEXTS: readonly string[] = [
  `x\n${STOLEN}`,
  `x'\n${STOLEN}\n#'`,
  `x"\n${STOLEN}\n#"`,
  `x\r\n${STOLEN}`,
  `x\r${STOLEN}`,
  `x \\\n${STOLEN}`,
  `x <<END\nEND\n${STOLEN}`,
  `x\0\n${STOLEN}`,
  `x\u2028${STOLEN}`,
  "x\\",
  "x\\ ",
  "x <<END",
  "--mount=type=bind,from=localhost/other/team:1,target=/x x",
  "--mount=type=secret,id=boxkite-ca,target=/x x",
  "--from=localhost/other/team:1",
  "--network=host x",
  "--security=insecure x",
  "http://127.0.0.1/x",
  "boxkite-ca",
  "..",
];

const options = { indexUrl: "", extraIndexUrls: [], pre: false, extraArgs: "" };
const secrets: readonly SecretMount[] = [];

/** Every text of a specification, by the layer that carries it. */
const LAYERS: Readonly<Record<string, (text: string) => Layer>> = {
  "apt package": (text) => ({ kind: "apt", packages: ["curl", text], secrets }),
  "pip package": (text) => ({ kind: "pip", packages: [text], options, secrets }),
  "index url": (text) => ({
    kind: "pip",
    packages: ["x"],
    options: { ...options, indexUrl: text },
    secrets,
  }),
  "extra index url": (text) => ({
    kind: "pip",
    packages: ["x"],
    options: { ...options, extraIndexUrls: [text] },
    secrets,
  }),
  "extra arguments": (text) => ({
    kind: "pip",
    packages: ["x"],
    options: { ...options, extraArgs: text },
    secrets,
  }),
  "requirements file": (file) => ({ kind: "requirements", file, options, secrets }),
  "name of a wheel": (packageName) => ({ kind: "wheels", directory: "dist", packageName, options, secrets }),
  "folder of wheels": (directory) => ({ kind: "wheels", directory, packageName: "x", options, secrets }),
  command: (text) => ({ kind: "commands", commands: [text], secrets }),
  "working directory": (path) => ({ kind: "workdir", path }),
  "source of a copy": (source) => ({ kind: "copy", source, destination: "." }),
  "destination of a copy": (destination) => ({ kind: "copy", source: "x", destination }),
  "name of a variable": (name) => ({ kind: "env", variables: { [name]: "x" } }),
  "value of a variable": (text) => ({ kind: "env", variables: { X: text, VIRTUAL_ENV: text } }),
  "folder of a uv project": (text) => ({
    kind: "uv-project",
    directory: `src/${text}`,
    lockFile: undefined,
    sourceDirectory: "src",
    options,
    secrets,
  }),
  "arguments of Poetry": (extraArgs) => ({
    kind: "poetry",
    pyproject: "p",
    lockFile: "p/poetry.lock",
    extraArgs,
    secrets,
  }),
  "key of a secret": (key) => ({
    kind: "commands",
    commands: ["x"],
    secrets: [{ key, group: "", variable: undefined }],
  }),
  "group of a secret": (group) => ({
    kind: "pip",
    packages: ["x"],
    options,
    secrets: [{ key: "k", group, variable: "K" }],
  }),
  "variable of a secret": (variable) => ({
    kind: "commands",
    commands: ["x"],
    secrets: [{ key: "k", group: "", variable }],
  }),
};

/** The instructions as a builder reads them: comments are left out, a trailing backslash continues a line. */
function instructionsOf(text: string): string[] {
  const found: string[] = [];
  let open = false;
  for (const line of text.split(/\r?\n|\r/)) {
    if (/^\s*(#|$)/.test(line)) continue;
    if (open) found.push(`${found.pop() ?? ""}\n${line}`);
    else found.push(line);
    open = /\\[ \t]*$/.test(line);
  }
  return found;
}

suite("a specification adds no instructions", () => {
  for (const [field, layerOf] of Object.entries(LAYERS)) {
    test(field, () => {
      for (const text of TEXTS) {
        const after: Layer = { kind: "commands", commands: ["echo after"], secrets };
        const spec = {
          baseImage: "team/base:1",
          pythonVersion: "3.11",
          platforms: [],
          layers: [layerOf(text), after],
        };
        let rendered;
        try {
          rendered = renderContainerfile(spec, BASE, {
            mounts: true,
            certificates: false,
            digestOf: () => "d".repeat(64),
          });
        } catch (error) {
          assert.equal((error as { code?: string }).code, "INVALID_ARGUMENT", String(error));
          assert.ok((error as { hint?: string }).hint, `no hint: ${String(error)}`);
          continue;
        }
        const shown = JSON.stringify(text);
        const read = instructionsOf(rendered.text);
        assert.equal(read.length, rendered.steps.length, `${shown}:\n${rendered.text}`);
        assert.ok(read.includes("RUN echo after"), `${shown} swallows what follows:\n${rendered.text}`);
        assert.equal(read.at(-1), "USER app", shown);
        for (const instruction of read) {
          const flags = /^(?:RUN|COPY)((?:[\s\\]+--\S+)*)/.exec(instruction)?.[1] ?? "";
          const foreign = /,from=|\s--(from|network|security)|id=boxkite-ca,|\/\.\.,/;
          assert.doesNotMatch(flags, foreign, `${shown}:\n${instruction}`);
        }
      }
    });
  }
});
