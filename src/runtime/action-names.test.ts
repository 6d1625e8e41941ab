/** The same program has the same names in local mode and in a container. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { createRouterTransport, type Transport } from "@connectrpc/connect";
import * as z from "zod";
import type { Container } from "./container.ts";
import { RemoteController } from "./remote-controller.ts";
import type { ActiveContext, Controller } from "../sdk/authoring/active-context.ts";
import { encodeImageCache } from "../sdk/authoring/image-cache.ts";
import { CallCounter } from "../sdk/authoring/call-counter.ts";
import { sharedState } from "../sdk/authoring/state.ts";
import { definitionOf } from "../sdk/authoring/task.ts";
import * as flyte from "../sdk/index.ts";
import { runInProcess } from "../sdk/local/run.ts";
import { ActionsService } from "../wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ActionPhase } from "../wire/gen/flyteidl2/common/phase_pb.js";
import { OutputsSchema } from "../wire/gen/flyteidl2/task/common_pb.js";
import { ActionUpdateSchema, type ActionUpdate } from "../wire/gen/flyteidl2/workflow/state_service_pb.js";

const env = new flyte.TaskEnvironment({ name: "names", image: "names:1" });
const n = { n: z.int() };
const plain = env.task({ name: "plain", inputs: n }, async () => undefined);
const pinned = env.task({ name: "pinned", inputs: n, cache: { version: "7" } }, async () => undefined);
const ignoring = env.task(
  { name: "ignoring", inputs: n, cache: { salt: "s", ignoredInputs: ["n"] } },
  async () => undefined,
);
const uncached = env.task({ name: "uncached", inputs: n, cache: "disable" }, async () => undefined);

/** Of traces, whose name only the context has. */
let traced: string[] = [];
function note(label: string): void {
  traced.push(`${label}: ${sharedState().storage.getStore()?.scope.name}`);
}

const inner = flyte.trace("inner", async (_value: number) => note("inner"));
const step = flyte.trace({ name: "step", inputs: n, output: z.int() }, async (inputs) => {
  note("step");
  await inner(inputs.n);
  await inner(inputs.n);
  return inputs.n;
});

const parent = env.task({ name: "parent" }, async () => {
  await plain({ n: 1 });
  await plain({ n: 1 });
  await step({ n: 1 });
  await flyte.group("left", async () => {
    await plain({ n: 1 });
    await step({ n: 1 });
    await step({ n: 1 });
    await flyte.group("right", async () => step({ n: 1 }));
  });
  await step({ n: 1 });
  for (const task of [pinned, ignoring, uncached]) for (const value of [1, 2]) await task({ n: value });
});

async function namesInLocalMode(): Promise<string[]> {
  traced = [];
  const called: string[] = [];
  await runInProcess(
    definitionOf(parent),
    {},
    {
      onAction: ({ action, taskName, phase }) => {
        if (phase === "running" && action !== "a0") called.push(`${taskName}: ${action}`);
      },
    },
  );
  return [...called, ...traced];
}

/** A server whose actions have all succeeded as soon as it hears of them. */
function fakeServer(called: string[]): Transport {
  const updates: ActionUpdate[] = [];
  let changed = Promise.withResolvers<void>();
  return createRouterTransport(({ service }) => {
    service(ActionsService, {
      enqueue: ({ action }) => {
        const name = action?.actionId?.name ?? "";
        if (action?.spec.case === "task") called.push(`${action.spec.value.id?.name}: ${name}`);
        updates.push(create(ActionUpdateSchema, { actionId: { name }, phase: ActionPhase.SUCCEEDED }));
        changed.resolve();
        changed = Promise.withResolvers();
        return {};
      },
      watchForUpdates: async function* (_request, { signal }) {
        yield { message: { case: "controlMessage", value: { sentinel: true } } };
        for (let sent = 0; !signal.aborted;) {
          const update = updates[sent];
          if (update === undefined) await changed.promise;
          else {
            sent++;
            yield { message: { case: "actionUpdate", value: update } };
          }
        }
      },
    });
  });
}

async function namesInContainer(): Promise<string[]> {
  traced = [];
  const called: string[] = [];
  const id = { org: "", project: "p", domain: "d", run: "r" };
  const objects = new Map<string, Uint8Array>();
  const container = {
    arguments: {
      ...id,
      action: "a0",
      version: "v",
      runBaseDir: "s3://b/r",
      imageCache: encodeImageCache({ names: "names:1" }),
    },
    env: {},
    rootDir: import.meta.dirname,
    storage: {
      write: async (uri: string, bytes: Uint8Array) => void objects.set(uri, bytes),
      read: async (uri: string) => objects.get(uri) ?? toBinary(OutputsSchema, create(OutputsSchema)),
    },
  } as unknown as Container;
  const remote = new RemoteController(container, fakeServer(called));
  const context = {
    action: { ...id, name: "a0" },
    customContext: {},
    scope: { name: "a0", calls: new CallCounter() },
    group: undefined,
    inTrace: false,
    signal: new AbortController().signal,
    controller: remote as unknown as Controller,
  } as unknown as ActiveContext;
  try {
    await sharedState().storage.run(context, async () => definitionOf(parent).fn({} as never, {} as never));
  } finally {
    remote.close();
  }
  return [...called, ...traced];
}

test("grouped, traced, cached and repeated calls are named alike in local mode and in a container", async () => {
  const local = await namesInLocalMode();
  assert.equal(new Set(local).size, 9 + 5 * 3, "9 calls of tasks, and 5 of a trace that calls another twice");
  assert.deepEqual(local, await namesInContainer());
});
