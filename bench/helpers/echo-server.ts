/**
 * A bare connect-es server with the same messages as ours and nothing behind them: what the protocol
 * alone costs. `node echo-server.ts [FILE]`: FILE holds the answer to ListActions and ListRuns.
 */
import { EventEmitter, on } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fromBinary } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import type { ActionIdentifier } from "../../src/wire/gen/flyteidl2/common/identifier_pb.js";
import {
  ListActionsResponseSchema,
  RunService,
} from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";

const file = process.argv[2];
const page = file === undefined ? undefined : fromBinary(ListActionsResponseSchema, readFileSync(file));
const enqueued = new EventEmitter<{ action: [ActionIdentifier | undefined] }>();

const handler = connectNodeAdapter({
  routes: (router) => {
    router.service(ActionsService, {
      enqueue: ({ action }) => {
        enqueued.emit("action", action?.actionId);
        return {};
      },
      watchForUpdates: async function* (_, { signal }) {
        yield { message: { case: "controlMessage", value: { sentinel: true } } };
        for await (const [actionId] of on(enqueued, "action", { signal })) {
          yield { message: { case: "actionUpdate", value: { actionId: actionId as ActionIdentifier } } };
        }
      },
    });
    router.service(RunService, { listActions: () => page ?? {} });
  },
});

const server = createServer(handler);
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});
