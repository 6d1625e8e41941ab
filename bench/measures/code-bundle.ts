/** A task's code in its container: brought there by the server, and fetched and unpacked there by the stock SDK. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { findEngine } from "../../src/containers/find.ts";
import { messageOf } from "../../src/domain/errors.ts";
import { placeCode } from "../../src/executors/container/place-code.ts";
import type { MountOptions } from "../../src/executors/attempt-options.ts";
import type { AttemptSpec } from "../../src/executors/executor.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { Recorder } from "../../test/executors/recorder.ts";
import { executorOn, FLYTE_IMAGE, startCodeStore } from "../../test/helpers/a0-container.ts";
import { bundleOf } from "../../test/helpers/bundles.ts";
import { imageFacts } from "../../test/helpers/image-facts.ts";
import { IN_CONTAINERS } from "../helpers/conditions.ts";
import { sumOf, summary } from "../helpers/figure.ts";
import { atMost, type BenchContext, type Benchmark, type Row } from "../helpers/measure.ts";
import { takeTurns, timed } from "../helpers/stats.ts";

/** What `a0` does with it, after what `a0` has loaded by then. */
const FETCH = `
import asyncio, sys, time
from flyte._code_bundle.bundle import download_bundle
from flyte._initialize import init_in_cluster
from flyte.models import CodeBundle
import flyte.storage as storage
async def main():
    init_in_cluster(org="o", project="p", domain="d")
    await storage.get("s3://boxkite/run/inputs.pb", "/tmp/inputs.pb")
    began = time.perf_counter()
    await download_bundle(CodeBundle(tgz=sys.argv[2], destination=".", computed_version="v"))
    print("took", (time.perf_counter() - began) * 1000)
asyncio.run(main())
`;

export const codeBundle: Benchmark = {
  name: "code-bundle",
  about:
    "a task's code in its container: brought there by the server, and fetched and unpacked by the SDK; podman",
  conditions: IN_CONTAINERS,
  floorConditions: IN_CONTAINERS,
  missing: async () => {
    try {
      const { api, close } = await openPodman();
      const image = await api.inspectImage(FLYTE_IMAGE);
      await close();
      return image === undefined ? `podman has no image ${FLYTE_IMAGE}` : undefined;
    } catch (error) {
      return messageOf(error).split("\n")[0] ?? "no podman";
    }
  },
  limitSeconds: 240,
  run: async (context) => [
    // There is nothing to gain with little code: the calls cost as much as what they save.
    ...(await measure(context, "20 KB", { files: 10, bytes: 2_000 }, 1.1)),
    ...(await measure(context, "5 MB", { files: 100, bytes: 50_000 }, 1)),
  ],
};

function openPodman() {
  return findEngine({ preference: "podman", log: silentLogger });
}

async function measure(
  context: BenchContext,
  size: string,
  { files, bytes }: { readonly files: number; readonly bytes: number },
  mostMounted: number,
): Promise<Row[]> {
  const found = await openPodman();
  context.defer(() => found.close());
  const { api } = found;
  const details = await api.inspectImage(FLYTE_IMAGE);
  const id = details?.id ?? "";
  const executor = executorOn(api, await api.info());
  context.defer(() => executor.close());
  const items = Array.from({ length: files }, (_, index) => ({
    name: `package${index % 10}/module${index}.py`,
    text: `# ${randomBytes(bytes / 2).toString("hex")}\n`,
  }));
  const directory = join(await context.directory(), "bundles");
  const code = await startCodeStore({ after: context.defer }, await bundleOf(items), directory);
  const image = { reference: FLYTE_IMAGE, pinned: id, digest: id, source: "engine" } as const;
  // As one in which the SDK cannot do it.
  const facts = imageFacts({ programs: {} }, { workdir: "/home/flyte" });

  const place = async (isReadOnlyRoot: boolean) => {
    const placed = await placeCode(code.spec(image), facts, {
      bundles: code.bundles,
      // Of the two it is the one that gets mounts.
      engine: isReadOnlyRoot ? "docker" : "podman",
      mountsFiles: true,
      confinement: { readOnlyRoot: isReadOnlyRoot, writable: [] },
    });
    if (placed === undefined) throw new Error("the code was not prepared");
    return placed.options;
  };
  /** From asking for a container to its end. */
  const run = async (options: MountOptions) => {
    const spec = code.spec(image, { ...options, args: ["true"] });
    const recorder = new Recorder();
    const took = await timed(async () => {
      await executor.start(spec, recorder.sink, recorder.observer);
      await recorder.ended;
    });
    await executor.release(spec.key);
    return took;
  };
  const mounted = async () => {
    let options = {};
    const prepared = await timed(async () => (options = await place(true)));
    return prepared + (await run(options));
  };
  const put = async () => {
    let options = {};
    const prepared = await timed(async () => (options = await place(false)));
    return prepared + (await run(options));
  };
  const sdk = async () => {
    const spec: AttemptSpec = code.spec(image, { args: ["python", "-c", FETCH, "--tgz", code.uri] });
    const recorder = new Recorder();
    await executor.start(spec, recorder.sink, recorder.observer);
    await recorder.ended;
    await executor.release(spec.key);
    const lines = recorder.lines.map(({ line }) => line);
    const took = lines.find((line) => line.startsWith("took "))?.split(" ")[1];
    if (took === undefined) throw new Error(`the SDK did not fetch the code: ${lines.join("\n")}`);
    return Number(took);
  };
  const none = () => run({});
  await takeTurns(1, { mounted, put, none, sdk });
  const times = await takeTurns(context.count(9, 1), { mounted, put, none, sdk }, context.signal);
  const floor = {
    what: "one without, and the SDK's own download and extraction",
    value: sumOf(summary(times.none), summary(times.sdk)),
  };
  return [
    {
      measure: `code-bundle: container, ${size} mounted`,
      unit: "ms",
      ours: summary(times.mounted),
      floor,
      goal: atMost(mostMounted),
    },
    {
      measure: `code-bundle: container, ${size} unpacked by the engine`,
      unit: "ms",
      ours: summary(times.put),
      floor,
      goal: atMost(1.1),
    },
  ];
}
