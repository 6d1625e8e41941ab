/**
 * Everybody × everything: each caller makes each call, reads each page and touches each object, of their own run and of
 * others, and the answers are those of expected.ts. What is added to the server without a row here fails the test.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { OPERATIONS } from "../../../src/objects/s3/operations.ts";
import { SERVICES } from "../../../src/services/every-service.ts";
import { RPC_RIGHTS } from "../../../src/services/rpc-rights.ts";
import { callersWithLogin, callersWithoutLogin, type Caller } from "./callers.ts";
import { callRpc } from "./call-rpc.ts";
import { expected, type Asked } from "./expected.ts";
import { fillObjects, homeOf, listed, OBJECTS, PREFIXES, touch } from "./objects.ts";
import { OPEN, PAGES, routedPaths, visit } from "./pages.ts";
import { createMatrix, type Matrix } from "./check.ts";
import { send } from "./send.ts";
import { RPCS, type Rpc } from "./rpcs.ts";
import { SERVER, type Cell } from "./targets.ts";
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
    await t.test("pages", async () => {
      const matrix = createMatrix();
      for (const [name, page] of Object.entries(PAGES))
        await eachCell(callers, page.cells, async (caller, cell) => {
          const answer = await visit(world.url, caller, page, cell);
          matrix.take(name, caller, askedOf(page), cell, answer, page.ends ?? []);
        });
      matrix.close();
    });
    await t.test("addresses that are open to everybody", async () => {
      const paths = Object.keys(OPEN).map((row) => row.split(" ")[1]);
      assert.deepEqual(new Set(routedPaths()), new Set(paths));
      for (const [row, statuses] of Object.entries(OPEN))
        for (const caller of callers) {
          const [method = "", path = ""] = row.split(" ");
          const { status } = await send(world.url, {
            method,
            path: (caller.shows().path ?? "") + path,
            headers: { origin: world.url },
            from: caller.shows().from,
          });
          assert.equal(status, statuses[auth], `${row} by ${caller.name}`);
        }
    });
    await t.test("objects", async () => {
      assert.deepEqual(Object.keys(OBJECTS).toSorted(), OPERATIONS.map(({ name }) => name).toSorted());
      await fillObjects(world);
      const matrix = createMatrix();
      for (const [name, operations] of Object.entries(OBJECTS))
        for (const [row, operation] of [operations].flat().entries())
          await eachCell(callers, operation.cells, async (caller, cell) => {
            const answer = await touch(world.url, caller, operation, cell);
            const { asks, asksAtHome } = operation;
            const asked = [...asks, ...(asksAtHome ? [[asksAtHome, homeOf(caller)] as const] : [])];
            matrix.take(`${name} (${row + 1})`, caller, asked, cell, answer, operation.ends ?? []);
          });
      matrix.close();
    });
    await t.test("lists of objects whose names begin like others", async () => {
      const matrix = createMatrix();
      await eachCell(callers, SERVER, async (caller) => {
        for (const prefix of PREFIXES)
          for (const key of await listed(world.url, caller, prefix)) {
            const [project = "", domain = ""] = key.split("/");
            const rights = expected(caller.rights, "read object", { project, domain });
            if (rights !== "allowed") matrix.differs(`${caller.name} sees ${key} in a list of "${prefix}"`);
          }
      });
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
      const { cells, request, ends = [] } = rpc;
      const callBy = async (caller: Caller) => {
        for (const cell of ownLast(caller, cells)) {
          const answer = await callRpc(world.transport(caller.shows(), protocol), method, request(cell));
          matrix.take(
            `${name} (${protocol})`,
            caller,
            askedOf(rpc),
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

function askedOf({ asks }: Pick<Rpc, "asks">): readonly Asked[] {
  return asks === "nothing" ? [] : [asks];
}

/** All callers at the same time. */
async function eachCell(
  callers: readonly Caller[],
  cells: readonly Cell[],
  take: (caller: Caller, cell: Cell) => Promise<void>,
): Promise<void> {
  await Promise.all(
    callers.map(async (caller) => {
      for (const cell of cells) await take(caller, cell);
    }),
  );
}

function ownLast({ rights }: Caller, cells: readonly Cell[]): readonly Cell[] {
  const isOwn = ({ run }: Cell) => rights.kind === "task" && rights.run === run;
  return cells.toSorted((a, b) => Number(isOwn(a)) - Number(isOwn(b)));
}
