/**
 * What the SDK can express as layers, built and run with a real engine, on the kinds of bases that teams hand
 * over. The specifications come from the stock SDK.
 */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { contextOfFile } from "../../src/builds/context.ts";
import { secretId } from "../../src/images/image-spec.ts";
import { createImageBuildService, type ImageBuildService } from "../../src/builds/service.ts";
import { decodeImageSpec } from "../../src/wire/image-spec.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { createMemoryBuildStore } from "../helpers/build-store.ts";
import type { ImageBuilder } from "../../src/builds/builder.ts";
import { BASES, startIndex } from "./engine.ts";
import { makeSdkSpecs, type SdkSpecs } from "./sdk-specs.ts";

/** An engine that builds, and its own command line as the judge. Build steps share this machine's loopback. */
export interface LayerEngine {
  readonly cli: (...args: string[]) => Promise<string>;
  /** Builds without asking a registry. */
  readonly build: readonly string[];
  /** Removes images; those that are not there are no error. */
  readonly remove: readonly string[];
  readonly builder: () => Promise<ImageBuilder>;
}

/** What each base is, and what an image built on it must still be. */
const KINDS = [
  {
    name: "conda",
    containerfile: `FROM ${BASES.conda}\nWORKDIR /app\n`,
    uid: "0:0",
    workdir: "/app",
    python: "/opt/conda/bin/python",
  },
  {
    name: "venv",
    containerfile: `FROM ${BASES.python310}\nRUN python -m venv /opt/venv\nWORKDIR /workspace\n`,
    uid: "0:0",
    workdir: "/workspace",
    // The environment is there, but not on PATH: until an env layer says so, python is the system's.
    python: "/usr/local/bin/python",
  },
  {
    name: "non-root",
    containerfile: [
      `FROM ${BASES.python311}`,
      "RUN groupadd -g 1600 team && useradd -u 1500 -g team -m app",
      "WORKDIR /home/app",
      "USER app",
    ].join("\n"),
    uid: "1500:1600",
    workdir: "/home/app",
    python: "/usr/local/bin/python",
  },
  {
    name: "own-workdir",
    containerfile: `FROM ${BASES.python311}\nRUN mkdir -p /data/own && chown 1700:0 /data/own\nWORKDIR /data/own\nUSER 1700\n`,
    uid: "1700:0",
    workdir: "/data/own",
    python: "/usr/local/bin/python",
  },
] as const;

type Kind = (typeof KINDS)[number];
export type KindName = Kind["name"];

interface Case {
  /** Run with the image's own USER, PATH and WORKDIR; each line of its output is compared. */
  readonly script: string;
  readonly expect: (kind: Kind) => readonly string[];
}

const VERSION_OF = (name: string) =>
  `python -c 'from importlib.metadata import version as v; print(v("${name}"))'`;

const CASES = {
  none: { script: "true", expect: () => [] },
  apt: { script: "tree --version | cut -c1-4", expect: () => ["tree"] },
  pip: { script: VERSION_OF("iniconfig"), expect: () => ["2.0.0"] },
  "pip-uv-options": { script: VERSION_OF("iniconfig"), expect: () => ["2.0.0"] },
  "pip-secret": {
    script: `${VERSION_OF("boxkite-test-wheel")}; echo "[$INDEX_TOKEN]"; find /run/boxkite -type f | wc -l`,
    expect: () => ["1.0", "[]", "0"],
  },
  requirements: { script: VERSION_OF("iniconfig"), expect: () => ["2.0.0"] },
  commands: { script: "cat /one /two /three", expect: () => ["one", "one two", "3"] },
  "command-secret": {
    script: 'ls /secrets-seen; echo "[$TOKEN]"; cat /etc/flyte/secrets/file-token 2>/dev/null | wc -c',
    expect: () => ["/secrets-seen", "[]", "0"],
  },
  env: {
    script: 'echo "$PATH" | cut -d: -f1; echo "$INSIDE"; echo "$QUOTED"; echo "$PLAIN"',
    expect: () => ["/extra/bin", "/opt/x/y", 'say "hi" \\ there', "a b"],
  },
  workdir: { script: "pwd; touch here && stat -c %u:%g .", expect: (kind) => ["/srv/made here", kind.uid] },
  "source-folder": {
    script: "find app | sort; stat -c %u:%g app/tasks.py app/data; echo x >> app/tasks.py",
    expect: (kind) => ["app", "app/data", "app/data/notes.txt", "app/tasks.py", kind.uid, kind.uid],
  },
  "source-contents": {
    script: "cat tasks.py; stat -c %u:%g tasks.py",
    expect: (kind) => ["ANSWER = 42", kind.uid],
  },
  "source-file": {
    script: "python single.py; cat 'sub dir/spaced.py'; stat -c %u:%g single.py 'sub dir'",
    expect: (kind) => ["single", "SPACED = True", kind.uid, kind.uid],
  },
  "code-bundle": {
    script: "python -c 'import tasks; print(tasks.ANSWER)'; stat -c %u:%g tasks.py",
    expect: (kind) => ["42", kind.uid],
  },
  wheels: { script: "python -c 'import boxkite_test_wheel as w; print(w.NAME)'", expect: () => ["wheel"] },
  "uv-project": {
    script: `${VERSION_OF("iniconfig")}; python -c 'import uvproj' 2>&1 | tail -1`,
    expect: () => ["2.0.0", "ModuleNotFoundError: No module named 'uvproj'"],
  },
  "uv-project-install": {
    script: `${VERSION_OF("iniconfig")}; python -c 'import uvproj; print(uvproj.NAME)'`,
    expect: () => ["2.0.0", "uvproj"],
  },
  poetry: { script: VERSION_OF("boxkite-test-wheel"), expect: () => ["1.0"] },
  "poetry-install": {
    script: `${VERSION_OF("boxkite-test-wheel")}; python -c 'import poetryproj; print(poetryproj.NAME)'`,
    expect: () => ["1.0", "poetryproj"],
  },
  "uv-script": { script: VERSION_OF("iniconfig"), expect: () => ["2.0.0"] },
} as const satisfies Record<string, Case>;
export type CaseName = keyof typeof CASES;

export const ALL_KINDS: readonly KindName[] = KINDS.map(({ name }) => name);
export const ALL_CASES = Object.keys(CASES) as readonly CaseName[];

const SECRETS: Record<string, string> = { token: "s3cret", index_token: "s3cret", "file-token": "in a file" };

export function layerSuite(
  engine: LayerEngine,
  kindNames: readonly KindName[],
  caseNames: readonly CaseName[],
): void {
  const kinds = KINDS.filter(({ name }) => kindNames.includes(name));
  let folder: string;
  let specs: SdkSpecs;
  let index: Awaited<ReturnType<typeof startIndex>>;
  let service: ImageBuildService;
  const made: string[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "boxkite-layers-"));
    for (const kind of kinds) {
      const file = join(folder, `Containerfile.${kind.name}`);
      await writeFile(file, kind.containerfile);
      await engine.cli(...engine.build, "--tag", baseName(kind), "--file", file, folder);
    }
    index = await startIndex(() => specs.wheel, "s3cret");
    specs = await makeSdkSpecs(join(folder, "specs"), index.url, kinds.map(baseName));
    const builder = await engine.builder();
    service = createImageBuildService({
      builder,
      store: createMemoryBuildStore(),
      registry: { resolve: async () => undefined },
      clock: systemClock,
      log: silentLogger,
      workDir: join(folder, "work"),
    });
  });

  after(async () => {
    index?.stop();
    await engine.cli(...engine.remove, ...new Set(made), ...kinds.map(baseName));
    const left = await readdir(join(folder, "work")).catch(() => []);
    await rm(folder, { recursive: true, force: true });
    assert.deepEqual(left, [], "a build left its folder behind");
  });

  kinds.forEach((kind, number) => {
    for (const name of caseNames) {
      const { script, expect }: Case = CASES[name];
      test(`${name} on the ${kind.name} base`, async () => {
        const { spec, context, target } = specs.of(number, name);
        const lines: string[] = [];
        const result = await service
          .build({
            spec: decodeImageSpec(spec),
            context: context === undefined ? undefined : contextOfFile(context),
            // Every base has the same cases; a tag of its own keeps them apart in the engine.
            target: target.replace(":", `-${kind.name}:`),
            force: false,
            readSecret: async (secret) => SECRETS[secretId(secret)],
            onLog: (line) => lines.push(line),
            signal: AbortSignal.timeout(240_000),
          })
          .catch((error: Error) => assert.fail(`${error.message}\n${lines.join("\n")}`));
        made.push(result.record.imageId);
        const output = await engine.cli(
          "run",
          "--rm",
          "--network=none",
          result.reference,
          "/bin/sh",
          "-c",
          `id -u; pwd; command -v python; echo "[$SSL_CERT_FILE$PIP_CERT$HTTPS_PROXY]"; ${script}`,
        );
        const workdir = name === "workdir" ? "/srv/made here" : kind.workdir;
        const head = [kind.uid.split(":")[0], workdir, kind.python, "[]"];
        assert.deepEqual(output.split("\n"), [...head, ...expect(kind)], result.record.containerfile);
      });
    }
  });
}

function baseName(kind: Kind): string {
  return `localhost/boxkite-test/${kind.name}-base:latest`;
}
