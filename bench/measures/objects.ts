/** The object store, against a plain file server of Node that is as durable. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { presign } from "../../src/lib/sigv4-signer.ts";
import type { Credentials } from "../../src/orchestrator/access-keys.ts";
import { createSigningKeys } from "../../src/orchestrator/signing-keys.ts";
import { rotateSigningKeys } from "../../src/orchestrator/stored-signing-keys.ts";
import { BUCKET } from "../../src/server/server.ts";
import { userCredentials } from "../../src/server/user-credentials.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { summary } from "../helpers/figure.ts";
import { openHttpClient } from "../helpers/http.ts";
import { atLeast, atMost, type Benchmark, type Row } from "../helpers/measure.ts";
import { startPeer } from "../helpers/process.ts";
import { startServer } from "../helpers/server.ts";
import { callMany, quantile, takeTurns, timed } from "../helpers/stats.ts";

const MIB = 1 << 20;
const CONCURRENCY = 16;
const PER_ROUND = 2_000;

type Url = (method: "GET" | "PUT", key: string) => string;

export const objects: Benchmark = {
  name: "objects",
  about: "S3 GET and PUT of 1 GiB and of 10,000 × 1 KiB",
  conditions: {
    durability: "an object is synced, with its directory or by a shared commit, before a PUT is answered",
    isolation: "a key of its own for each attempt, and each call is signed",
  },
  floorConditions: { durability: "a file is synced before a PUT is answered", isolation: "none" },
  limitSeconds: 180,
  run: async (context) => {
    const data = await context.directory();
    const credentials = await credentialsFor(data);
    const server = await startServer(context, { data });
    const peer = await startPeer(context, "file-server.ts", await context.directory());
    const http = openHttpClient(context);
    const urls: Record<"ours" | "plain", Url> = {
      ours: (method, key) =>
        presign({
          method,
          origin: `http://127.0.0.1:${server.port}`,
          bucket: BUCKET,
          key,
          ...credentials,
          expiresInSeconds: 3_600,
          nowMs: Date.now(),
        }),
      plain: (_, key) => `http://127.0.0.1:${peer.first.port}/${encodeURIComponent(key)}`,
    };

    const idleMb = server.memory().rssMb;
    const large = { size: context.count(1_024, 8) * MIB, chunk: randomBytes(MIB) };
    const mbPerSecond = (ms: number) => large.size / 1e6 / (ms / 1_000);
    const put = (url: Url) => async () =>
      mbPerSecond(await timed(() => http.put(url("PUT", "bench/large"), large)));
    const get = (url: Url) => async () => mbPerSecond(await timed(() => http.get(url("GET", "bench/large"))));
    context.say("large objects");
    // Turns are in any order: what is read is there before the first.
    for (const url of [urls.ours, urls.plain]) await http.put(url("PUT", "bench/large"), large);
    const largeResults = await takeTurns(
      context.count(5, 1),
      {
        putOurs: put(urls.ours),
        putPlain: put(urls.plain),
        getOurs: get(urls.ours),
        getPlain: get(urls.plain),
      },
      AbortSignal.any([context.signal, AbortSignal.timeout(25_000)]),
    );
    const peakMb = server.memory().peakMb;

    const small = randomBytes(1_024);
    const count = context.count(PER_ROUND, 20);
    let round = 0;
    /** The keys that each has written last. */
    const written = { ours: "", plain: "" };
    // The addresses are signed beforehand: that is the client's work.
    const smallOnes = async (url: Url, method: "GET" | "PUT", keys: string) => {
      const all = Array.from({ length: count }, (_, index) => url(method, `bench/small/${keys}/${index}`));
      return callMany(count, CONCURRENCY, (index) => {
        const at = all[index] ?? "";
        return method === "PUT" ? http.put(at, small) : http.get(at);
      });
    };
    context.say("small objects");
    const puts = await takeTurns(
      context.count(5, 1),
      {
        ours: () => smallOnes(urls.ours, "PUT", (written.ours = String(round++))),
        plain: () => smallOnes(urls.plain, "PUT", (written.plain = String(round++))),
      },
      context.signal,
    );
    const gets = await takeTurns(
      context.count(5, 1),
      {
        ours: () => smallOnes(urls.ours, "GET", written.ours),
        plain: () => smallOnes(urls.plain, "GET", written.plain),
      },
      context.signal,
    );
    const smallRows = (what: string, results: typeof puts): Row[] => {
      const rate = (name: "ours" | "plain") => summary(results[name].map(({ perSecond }) => perSecond));
      const p99 = (name: "ours" | "plain") =>
        summary(results[name].map(({ latencies }) => quantile(latencies, 0.99)));
      return [
        {
          measure: `objects: ${what} 1 KiB × ${CONCURRENCY}`,
          unit: "/s",
          ours: rate("ours"),
          floor: { what: "plain file server", value: rate("plain") },
          goal: atLeast(0.5),
        },
        {
          measure: `objects: ${what} 1 KiB × ${CONCURRENCY}, p99`,
          unit: "ms",
          ours: p99("ours"),
          floor: { what: "plain file server", value: p99("plain") },
        },
      ];
    };
    return [
      {
        measure: `objects: PUT ${large.size / MIB} MiB`,
        unit: "MB/s",
        ours: summary(largeResults.putOurs),
        floor: { what: "plain file server", value: summary(largeResults.putPlain) },
        goal: atLeast(0.5),
        note: "ours computes the MD5 that S3 promises",
      },
      {
        measure: `objects: GET ${large.size / MIB} MiB`,
        unit: "MB/s",
        ours: summary(largeResults.getOurs),
        floor: { what: "plain file server", value: summary(largeResults.getPlain) },
        goal: atLeast(0.8),
      },
      {
        measure: "objects: server memory with 1 GiB, most",
        unit: "MB",
        ours: peakMb,
        floor: { what: "before", value: idleMb },
        goal: atMost(250, "ours"),
      },
      ...smallRows("PUT", puts),
      ...smallRows("GET", gets),
    ];
  },
};

/** For all objects, of the server that will open this directory. */
async function credentialsFor(data: string): Promise<Credentials> {
  const store = openSqliteStore(join(data, "store.sqlite"));
  try {
    const ring = await rotateSigningKeys(store, systemClock, 0);
    return userCredentials(
      createSigningKeys(() => ring, systemClock),
      "",
    );
  } finally {
    await store.close();
  }
}
