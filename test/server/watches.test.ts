/** Watches over real connections: every protocol gets the same, and a client that does not read is cut off. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { test } from "node:test";
import { createClient, type Client, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  ActionsService,
  WatchForUpdatesRequestSchema,
} from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { actionId, ROOT, taskSpec } from "../../bench/helpers/requests.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";

const RUN = "r";
/** Of traces, which have their outputs in the folder of the run. */
const FOLDER = `s3://boxkite/flytesnacks/development/runs/${RUN}`;
const filter = { case: "parentActionId", value: actionId(RUN, ROOT) } as const;

async function createRun(transport: Transport): Promise<Client<typeof ActionsService>> {
  await createClient(RunService, transport).createRun({
    id: { case: "runId", value: actionId(RUN, ROOT).run },
    task: { case: "taskSpec", value: taskSpec({ command: ["true"] }) },
  });
  return createClient(ActionsService, transport);
}

function enqueueTrace(actions: Client<typeof ActionsService>, name: string, outputUri = `${FOLDER}/x`) {
  return actions.enqueue({
    action: {
      actionId: actionId(RUN, name),
      parentActionName: ROOT,
      spec: { case: "trace", value: { name, phase: ActionPhase.SUCCEEDED, outputs: { outputUri } } },
    },
  });
}

/** The names that a watch sends, until that many children; `onSentinel` is called after those that existed. */
async function namesTold(
  actions: Client<typeof ActionsService>,
  count: number,
  onSentinel: () => void = () => {},
): Promise<string[]> {
  const stop = new AbortController();
  const names: string[] = [];
  for await (const { message } of actions.watchForUpdates({ filter }, { signal: stop.signal })) {
    if (message.case === "controlMessage") onSentinel();
    if (message.case === "actionUpdate") names.push(message.value.actionId?.name ?? "");
    if (names.length === count) break;
  }
  stop.abort();
  return names;
}

test("every protocol gets the same, of what existed and of what comes", async (t) => {
  const { transport, url: baseUrl } = await startInProcess(t, createFakeExecutor());
  const actions = await createRun(transport);
  await enqueueTrace(actions, "c0");
  const transports = [
    transport,
    createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
    createConnectTransport({ baseUrl, httpVersion: "2" }),
    createGrpcTransport({ baseUrl }),
    createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  ];
  const begun = transports.map(() => Promise.withResolvers<void>());
  const told = transports.map((each, index) =>
    namesTold(createClient(ActionsService, each), 3, begun[index]?.resolve),
  );
  await Promise.all(begun.map(({ promise }) => promise));
  await enqueueTrace(actions, "c1");
  await enqueueTrace(actions, "c2");
  assert.deepEqual(
    await Promise.all(told),
    transports.map(() => ["c0", "c1", "c2"]),
  );
});

test("a watcher that does not read is cut off, and gets all when it watches again; others miss nothing", async (t) => {
  const { transport, url } = await startInProcess(t, createFakeExecutor());
  const actions = await createRun(transport);
  const deaf = await watchRaw(url);
  const names = Array.from({ length: 200 }, (_, index) => `c${index}`);
  const begun = Promise.withResolvers<void>();
  const told = namesTold(actions, names.length, begun.resolve);
  await begun.promise;
  // More than sockets hold, and a MiB on top.
  for (const name of names) await enqueueTrace(actions, name, `${FOLDER}/${"x".repeat(64 * 1024)}`);
  assert.deepEqual(await told, names);
  const chunks: Buffer[] = [];
  for await (const chunk of deaf as AsyncIterable<Buffer>) chunks.push(chunk);
  const all = Buffer.concat(chunks);
  assert.match(all.subarray(-400).toString("latin1"), /"code":"unavailable"/u);
  assert.ok(all.length < names.length * 64 * 1024);
  assert.deepEqual(await namesTold(actions, names.length), names);
});

/** The response of a watch of which nothing is read after the sentinel. */
async function watchRaw(url: string): Promise<IncomingMessage> {
  const message = toBinary(WatchForUpdatesRequestSchema, create(WatchForUpdatesRequestSchema, { filter }));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  const sent = request(`${url}/flyteidl2.actions.ActionsService/WatchForUpdates`, {
    method: "POST",
    headers: { "content-type": "application/connect+proto" },
    agent: false,
  });
  sent.end(Buffer.concat([head, message]));
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return response;
}
