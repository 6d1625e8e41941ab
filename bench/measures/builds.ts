/** Building images, against the engine's own command line on the very Containerfile that we wrote. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../../src/domain/errors.ts";
import { createImageTools } from "../../src/platform/image-tools.ts";
import { createImageBuildService, type ImageBuildService } from "../../src/builds/service.ts";
import { createMemoryBuildStore } from "../../test/helpers/build-store.ts";
import type { ImageSpec } from "../../src/images/image-spec.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { BARE_CONTAINER, SERVER_ONLY } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atMost, type Benchmark } from "../helpers/measure.ts";
import { takeTurns } from "../helpers/stats.ts";

const run = promisify(execFile);
const BASE = process.env["BOXKITE_BENCH_IMAGE"] ?? "docker.io/library/debian:12-slim";
const NAME = "localhost/boxkite-bench/image";

function specOf(last: string): ImageSpec {
  return {
    baseImage: BASE,
    pythonVersion: "",
    platforms: [],
    layers: [
      { kind: "commands", commands: ["head -c 20000000 /dev/urandom >/one"], secrets: [] },
      { kind: "env", variables: { TEAM: "data" } },
      { kind: "commands", commands: [`echo ${last} >/two`], secrets: [] },
    ],
  };
}

export const builds: Benchmark = {
  name: "builds",
  about: "a build that changes nothing, and one with a changed last layer, against the engine's own",
  conditions: SERVER_ONLY,
  floorConditions: BARE_CONTAINER,
  missing: async () => {
    try {
      await run("podman", ["image", "inspect", BASE]);
      return undefined;
    } catch (error) {
      return messageOf(error).split("\n")[0] ?? "no podman";
    }
  },
  limitSeconds: 90,
  run: async (context) => {
    const directory = await mkdtemp(join(tmpdir(), "boxkite-bench-builds-"));
    context.defer(() => rm(directory, { recursive: true, force: true }));
    const tools = await createImageTools("podman", process.env);
    const service = createImageBuildService({
      ...tools,
      store: createMemoryBuildStore(),
      clock: systemClock,
      log: silentLogger,
      workDir: join(directory, "work"),
    });
    const first = await build(service, "first", "0");
    await writeFile(join(directory, "Containerfile"), first.record.containerfile);
    const engine = (text: string, tag: string) => timed(() => engineBuild(directory, text, tag));
    await engine(first.record.containerfile, "first");
    let turn = 0;
    const rounds = context.count(10, 2);
    const same = await takeTurns(rounds, {
      ours: () => timed(() => build(service, "first", "0")),
      engine: () => engine(first.record.containerfile, "first"),
      inspect: () => timed(() => run("podman", ["image", "inspect", `${NAME}:first`])),
    });
    const changed = await takeTurns(Math.ceil(rounds / 2), {
      ours: () => timed(() => build(service, `turn${++turn}`, `ours-${turn}`)),
      engine: () =>
        engine(first.record.containerfile.replace("echo 0", `echo engine-${++turn}`), `turn${turn}`),
    });
    context.defer(async () => {
      const { stdout } = await run("podman", ["images", "--quiet", "--filter", `reference=${NAME}`]);
      for (const id of new Set(stdout.split("\n").filter(Boolean)))
        await run("podman", ["rmi", "--force", id]);
    });
    const noOp = summary(same.ours);
    return [
      {
        measure: "builds: nothing changed",
        unit: "ms",
        ours: noOp,
        floor: { what: "podman build, all cached", value: summary(same.engine) },
        goal: atMost(1.15),
      },
      {
        measure: "builds: nothing changed",
        unit: "ms",
        ours: noOp,
        floor: { what: "podman image inspect", value: summary(same.inspect) },
      },
      {
        measure: "builds: one changed last layer",
        unit: "ms",
        ours: summary(changed.ours),
        floor: { what: "podman build of the same Containerfile", value: summary(changed.engine) },
        goal: atMost(1.5),
      },
    ];
  },
};

function build(service: ImageBuildService, tag: string, last: string) {
  return service.build({
    spec: specOf(last),
    context: undefined,
    target: `${NAME}:${tag}`,
    force: false,
    onLog: () => {},
    signal: new AbortController().signal,
  });
}

async function engineBuild(directory: string, text: string, tag: string): Promise<void> {
  await writeFile(join(directory, "Containerfile"), text);
  const secrets = text.includes("id=boxkite-ca")
    ? ["--secret", `id=boxkite-ca,src=${process.env["SSL_CERT_FILE"] ?? ""}`]
    : [];
  const args = [
    "build",
    "--pull=never",
    ...secrets,
    "-t",
    `${NAME}:${tag}`,
    "-f",
    join(directory, "Containerfile"),
    directory,
  ];
  await run("podman", args, { maxBuffer: 64 << 20 });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
