/**
 * Everybody × everything: each caller makes each call, reads each page and touches each object, of their own run and of
 * others, and the answers are those of expected.ts. What is added to the server without a row here fails the test.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { SERVICES } from "../../../src/services/routes.ts";
import { RPC_RIGHTS } from "../../../src/services/rpc-rights.ts";
import { callersWithLogin, callersWithoutLogin, type Caller } from "./callers.ts";
import { callRpc } from "./call-rpc.ts";
import { createMatrix, type Matrix } from "./check.ts";
import { RPCS, type Rpc } from "./rpcs.ts";
import type { Cell } from "./targets.ts";
import { furnish, startWorld, type Protocol, type World } from "./world.ts";

const METHODS = new Map(
  SERVICES.flatMap((service) =>
    service.methods.map((method) => [`${service.typeName.split(".").at(-1)}/${method.name}`, method]),
  ),
);

/** One that answers once, and one that is a stream. */
const ALSO_BY_GRPC = ["RunService/GetRunDetails", "RunService/WatchRunDetails"];

for (const auth of ["tokens", "off"] as const)
  test(`with --auth ${auth}, everybody may do what they have a right to and nothing else`, async (t) => {
    const world = await startWorld(t, auth);
    await furnish(world);
    const callers = await (auth === "off" ? callersWithoutLogin(world) : callersWithLogin(world));
    await t.test("RPCs", async () => {
      assert.deepEqual(Object.keys(RPCS).toSorted(), Object.keys(RPC_RIGHTS).toSorted());
      const matrix = createMatrix();
      await callAll(world, matrix, callers, ({ isEnd }) => isEnd !== true);
      for (const protocol of ["gRPC", "gRPC-Web"] as const)
        await callAll(world, matrix, callers, (_, name) => ALSO_BY_GRPC.includes(name), protocol);
      matrix.close();
    });
    await t.test("what ends a run", async () => {
      const matrix = createMatrix();
      // Tasks first: they call while their runs go on.
      const isTask = ({ rights }: Caller) => rights.kind === "task";
      const inOrder = callers.toSorted((a, b) => Number(isTask(b)) - Number(isTask(a)));
      await callAll(world, matrix, inOrder, ({ isEnd }) => isEnd === true);
      matrix.close();
    });
  });

async function callAll(
  world: World,
  matrix: Matrix,
  callers: readonly Caller[],
  isWanted: (rpc: Rpc, name: string) => boolean,
  protocol: Protocol = "Connect",
): Promise<void> {
  for (const [name, rows] of Object.entries(RPCS)) {
    const method = METHODS.get(name);
    assert.ok(method, name);
    for (const rpc of [rows].flat().filter((each) => isWanted(each, name))) {
      const { asks, cells, request, ends = [] } = rpc;
      const asked = asks === "nothing" ? [] : [asks];
      const callBy = async (caller: Caller) => {
        for (const cell of ownLast(caller, cells)) {
          const answer = await callRpc(world.transport(caller.shows(), protocol), method, request(cell));
          matrix.take(
            `${name} (${protocol})`,
            caller,
            asked,
            cell,
            answer,
            ends.map((code) => Code[code]),
          );
        }
      };
      if (rpc.isEnd) for (const caller of callers) await callBy(caller);
      else await Promise.all(callers.map(callBy));
    }
  }
}

function ownLast({ rights }: Caller, cells: readonly Cell[]): readonly Cell[] {
  const isOwn = ({ run }: Cell) => rights.kind === "task" && rights.run === run;
  return cells.toSorted((a, b) => Number(isOwn(a)) - Number(isOwn(b)));
}
