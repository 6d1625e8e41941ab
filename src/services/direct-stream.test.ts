import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { createContextValues } from "@connectrpc/connect";
import { WatchRunsResponseSchema } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { batchOf, deliver, DIRECT_STREAM, type DirectStream } from "./direct-stream.ts";

test("a long backlog to a client that takes all at once leaves turns to other calls", async () => {
  const batch = batchOf(WatchRunsResponseSchema, [create(WatchRunsResponseSchema)]);
  async function* backlog() {
    for (let index = 0; index < 20; index++) yield { batch, isBacklog: true };
  }
  const direct: DirectStream = { waitingBytes: 0, write: () => {}, drained: async () => {} };
  for (const stream of [direct, undefined]) {
    let isDone = false;
    const delivery = (async () => {
      const values = createContextValues().set(DIRECT_STREAM, stream);
      for await (const _ of deliver(backlog(), { values, signal: new AbortController().signal }));
      isDone = true;
    })();
    let turns = 0;
    for (; !isDone; turns++) await turn();
    assert.ok(turns >= 20, `${turns} turns`);
    await delivery;
  }
});
