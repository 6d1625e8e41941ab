/** `boxkite images check`: the first check of an image that is there, and the second of a digest. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../../src/domain/errors.ts";
import { factsKey } from "../../src/images/check/facts-cache.ts";
import { reportOn } from "../../src/images/check/report.ts";
import { machinePlatform } from "../../src/images/registry/platform.ts";
import { choosePlatform } from "../../src/platform/choose.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { BARE_CONTAINER, SERVER_ONLY } from "../helpers/conditions.ts";
import { mapFigure, summary } from "../helpers/figure.ts";
import { atMost, type Benchmark } from "../helpers/measure.ts";
import { MAIN } from "../helpers/server.ts";
import { takeTurns, timed } from "../helpers/stats.ts";

const run = promisify(execFile);
const IMAGE = process.env["BOXKITE_BENCH_IMAGE"] ?? "docker.io/library/debian:12-slim";

export const imageCheck: Benchmark = {
  name: "image-check",
  about: "the first check of an image that is there, against one `podman run true`; the second of a digest",
  conditions: SERVER_ONLY,
  floorConditions: BARE_CONTAINER,
  missing: async () => {
    try {
      await run("podman", ["image", "inspect", IMAGE]);
      return undefined;
    } catch (error) {
      return messageOf(error).split("\n")[0] ?? "no podman";
    }
  },
  run: async (context) => {
    const platform = await choosePlatform({ engine: "podman", python: undefined }, process.env);
    context.defer(() => platform.close());
    const checker = platform.createImageChecker?.(undefined);
    if (checker === undefined) throw new Error("podman has no image checker");
    // By its id: no registry is asked.
    const { stdout } = await run("podman", ["image", "inspect", "--format", "{{.Id}}", IMAGE]);
    const local = "localhost/boxkite-bench/check:1";
    await run("podman", ["tag", stdout.trim(), local]);
    context.defer(() => run("podman", ["untag", local, local]));
    const first = await takeTurns(context.count(15, 2), {
      ours: () => timed(() => checker.check(local)),
      engine: () => timed(() => run("podman", ["run", "--rm", "--network=none", local, "true"])),
    });
    const checked = await checker.check(local);

    const directory = await context.directory();
    const store = openSqliteStore(join(directory, "store.sqlite"));
    const registry = await startRegistry(context.defer);
    const key = factsKey(registry.digest, machinePlatform());
    await store.recordImageFacts(key, checked.facts, 0);
    const inServer = async () => {
      const facts = await store.findImageFacts(key);
      if (facts === undefined) throw new Error("the facts are gone");
      return reportOn({ ...checked, facts }, {});
    };
    const second = await takeTurns(context.count(200, 2), { ours: () => timed(inServer) });
    await store.close();
    const args = [MAIN, "images", "check", registry.image, "--data", directory, "--json"];
    const command = await takeTurns(context.count(15, 2), {
      // An image without an interpreter ends it with 1.
      ours: () => timed(() => run(process.execPath, args).catch(() => undefined)),
      node: () => timed(() => run(process.execPath, ["-e", "0"])),
    });
    const runTrue = summary(first.engine);
    return [
      {
        measure: "image-check: the first",
        unit: "ms",
        ours: summary(first.ours),
        floor: {
          what: "1.5 × podman run true, plus 150 ms",
          value: mapFigure(runTrue, (ms) => 1.5 * ms + 150),
        },
        goal: atMost(1),
        note: `podman run true takes ${Math.round(runTrue.value)} ms`,
      },
      {
        measure: "image-check: the second, in the server",
        unit: "ms",
        ours: summary(second.ours),
        goal: atMost(5, "ours"),
      },
      {
        measure: "image-check: the second, as a command",
        unit: "ms",
        ours: summary(command.ours),
        floor: { what: "node -e 0, plus 50 ms", value: mapFigure(summary(command.node), (ms) => ms + 50) },
        goal: atMost(1),
      },
    ];
  },
};

/** Has one image. */
async function startRegistry(
  defer: (work: () => unknown) => void,
): Promise<{ readonly image: string; readonly digest: string }> {
  const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
  const { os, architecture } = machinePlatform();
  const config = JSON.stringify({ os, architecture, config: {} });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: digestOf(config),
      size: config.length,
    },
    layers: [],
  });
  const server = createServer(({ url = "" }, response) => {
    const body = url.includes("/manifests/") ? manifest : url.includes("/blobs/") ? config : "{}";
    response.setHeader("content-type", "application/vnd.oci.image.manifest.v1+json").end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  defer(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { image: `127.0.0.1:${port}/team/app:1`, digest: digestOf(manifest) };
}
