/**
 * What was opened with a right ends with it: every kind of stream, download and upload, when a token is revoked, when its
 * role is lowered, and when an attempt ends.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { test } from "node:test";
import { createClient, type Transport } from "@connectrpc/connect";
import { presign } from "../../../src/lib/sigv4-signer.ts";
import type { Credentials } from "../../../src/orchestrator/access-keys.ts";
import { createToken } from "../../../src/server/create-token.ts";
import { tokenCredentials, userCredentials } from "../../../src/server/user-credentials.ts";
import { ActionsService } from "../../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import {
  ArtifactType,
  DataProxyService,
} from "../../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { RunService } from "../../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { ROOT } from "../../../bench/helpers/requests.ts";
import { keysOf, pathOf, signedIn } from "./callers.ts";
import {
  actionIdOf,
  furnish,
  HOME,
  projectIdOf,
  runIdOf,
  startWorld,
  type Shown,
  type World,
} from "./world.ts";

const KEY = { ...HOME, run: "r-own" };
const PREFIX = `${HOME.project}/${HOME.domain}/runs/${KEY.run}`;
/** More than the connection takes without a reader. */
const LARGE_BYTES = 48 * 2 ** 20;
const MOST_MS = 30_000;

/** Resolves when it was cut, and rejects where it came to its own end. */
type Cut = () => Promise<void>;

interface Who {
  readonly shown: Shown;
  readonly keys: Credentials;
  readonly cookie?: string;
  /** Undefined for those who may not read lists. */
  readonly watchesRuns: boolean;
  /** In which it may write. */
  readonly folder: string;
}

interface Opened {
  readonly cuts: ReadonlyMap<string, Cut>;
  /** Downloads and uploads: their rest is read or sent when the others were cut, or they would be at their own end. */
  readonly transfers: ReadonlyMap<string, Cut>;
}

async function openAll(world: World, who: Who): Promise<Opened> {
  const cuts = new Map<string, Cut>();
  const transfers = new Map<string, Cut>();
  const { shown, keys, cookie } = who;
  const actionId = actionIdOf(KEY, ROOT);
  const rpcs = (transport: Transport) => ({
    runs: createClient(RunService, transport),
    actions: createClient(ActionsService, transport),
    data: createClient(DataProxyService, transport),
  });
  const { runs, actions, data } = rpcs(world.transport(shown));
  const stream = async (name: string, messages: AsyncIterable<unknown>) => {
    const iterator = messages[Symbol.asyncIterator]();
    assert.equal((await iterator.next()).done, false, name);
    cuts.set(name, () => assert.rejects(Array.fromAsync({ [Symbol.asyncIterator]: () => iterator }), name));
  };
  await stream("WatchRunDetails", runs.watchRunDetails({ runId: runIdOf(KEY) }));
  await stream("WatchActionDetails", runs.watchActionDetails({ actionId }));
  await stream(
    "WatchForUpdates",
    actions.watchForUpdates({ filter: { case: "parentActionId", value: actionId } }),
  );
  if (who.watchesRuns)
    await stream("WatchRuns", runs.watchRuns({ target: { case: "projectId", value: projectIdOf(HOME) } }));
  for (const protocol of ["gRPC", "gRPC-Web"] as const) {
    const other = rpcs(world.transport(shown, protocol));
    await stream(`WatchRunDetails by ${protocol}`, other.runs.watchRunDetails({ runId: runIdOf(KEY) }));
  }
  // No log is written: it sends nothing before it is cut.
  const tail = Array.fromAsync(data.tailLogs({ actionId, attempt: 1 }));
  tail.catch(() => {});
  cuts.set("TailLogs", () => assert.rejects(tail, "TailLogs"));

  const { path = "", bearer } = shown;
  const page = `${path}/v2/domain/${KEY.domain}/project/${KEY.project}/runs/${KEY.run}/stream`;
  const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
  const live = async (name: string, url: string, withHeaders: object, rest = cuts) => {
    const [response] = (await once(request(url, { headers: { ...withHeaders } }).end(), "response")) as [
      IncomingMessage,
    ];
    assert.equal(response.statusCode, 200, name);
    rest.set(name, () => assert.rejects(Array.fromAsync(response), name));
  };
  await live("a page's stream", world.url + page, headers);
  if (cookie !== undefined) await live("a page's stream by cookie", world.url + page, { cookie });

  const signed = (method: "GET" | "PUT", key: string) =>
    presign({
      ...keys,
      method,
      origin: world.url,
      bucket: "boxkite",
      key,
      expiresInSeconds: 60,
      nowMs: Date.now(),
    });
  await live("a download", signed("GET", `${PREFIX}/a0/1/report.html`), {}, transfers);
  const link = await data.createDownloadLink({
    artifactType: ArtifactType.REPORT,
    source: { case: "actionAttemptId", value: { actionId, attempt: 1 } },
  });
  await live("a download by a link", link.preSignedUrls?.signedUrl[0] ?? "", {}, transfers);

  const upload = async (name: string, url: string) => {
    const outgoing = request(url, { method: "PUT", headers: { "content-length": 2 } });
    const ended = refused(outgoing);
    outgoing.write("x");
    transfers.set(name, async () => {
      outgoing.end("x");
      assert.ok(await ended, name);
    });
  };
  await upload("an upload", signed("PUT", `${who.folder}/late`));
  const place = await data.createUploadLocation({ ...HOME, filename: "late" });
  await upload("an upload by a link", place.signedUrl);
  return { cuts, transfers };
}

/** Whether it was answered with a refusal, or cut. */
function refused(outgoing: ClientRequest): Promise<boolean> {
  return new Promise((resolve) => {
    outgoing.on("error", () => resolve(true));
    outgoing.on("response", (response) => {
      response.resume();
      resolve(response.statusCode === 403);
    });
  });
}

async function allAreCut({ cuts, transfers }: Opened, who: string): Promise<void> {
  const left = new Set([...cuts.keys(), ...transfers.keys()]);
  const late = AbortSignal.timeout(MOST_MS);
  const passed = once(late, "abort");
  for (const kind of [cuts, transfers]) {
    const all = [...kind].map(([name, cut]) =>
      cut().then(
        () => left.delete(name),
        () => {},
      ),
    );
    await Promise.race([Promise.all(all), passed]);
  }
  assert.deepEqual([...left], [], `what was not cut within ${MOST_MS} ms for ${who}`);
}

test("what was opened ends when a token is revoked or may do less, and when an attempt ends", async (t) => {
  const world = await startWorld(t, "tokens");
  await furnish(world);
  const person = async (name: string) => {
    const grant = { role: "runner", project: HOME.project } as const;
    const made = { name, grants: [grant], expiresAt: undefined, createdBy: "the test", at: 1 };
    const { token, text } = await createToken(world.store, made);
    const who: Who = {
      shown: { bearer: text },
      keys: tokenCredentials(world.signingKeys, token.id),
      cookie: await signedIn(world.url, text),
      watchesRuns: true,
      folder: `${HOME.project}/${HOME.domain}/lake`,
    };
    return { id: token.id, who };
  };
  const starter = await person("starter");
  const root = await world.start(KEY, world.transport(starter.who.shown));
  const child = await world.startChild(KEY, "child", world.transport({ path: pathOf(root) }));
  const large = presign({
    ...userCredentials(world.signingKeys, ""),
    method: "PUT",
    origin: world.url,
    bucket: "boxkite",
    key: `${PREFIX}/a0/1/report.html`,
    expiresInSeconds: 60,
    nowMs: Date.now(),
  });
  assert.ok((await fetch(large, { method: "PUT", body: Buffer.alloc(LARGE_BYTES) })).ok);

  const task: Who = {
    shown: { path: pathOf(child) },
    keys: keysOf(child),
    watchesRuns: false,
    folder: `${PREFIX}/child/1`,
  };
  const ofTask = await openAll(world, task);
  world.executor.end("child");
  await allAreCut(ofTask, "a task that has ended");

  const [revoked, lowered] = [await person("revoked"), await person("lowered")];
  const ofRevoked = await openAll(world, revoked.who);
  const ofLowered = await openAll(world, lowered.who);
  await world.store.revokeToken(revoked.id, 2);
  await world.store.setTokenGrants(lowered.id, [{ role: "viewer", project: HOME.project }]);
  await Promise.all([allAreCut(ofRevoked, "a revoked token"), allAreCut(ofLowered, "a lowered role")]);
});
