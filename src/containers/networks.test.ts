import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";
import type { CallOptions, EngineHttp, EngineResponse } from "./http.ts";
import { createEngineNetworks } from "./networks.ts";

interface DockerNetwork {
  readonly Name: string;
  readonly IPAM: { readonly Config: readonly { readonly Subnet: string; readonly Gateway: string }[] };
}

/** Docker with blocks of 128 addresses, 10.0.0.0/25, 10.0.1.0/25 and so on. */
function fakeDocker(blocks: number) {
  const networks = new Map<string, DockerNetwork>();
  const inBlock = (block: number) =>
    networks
      .values()
      .filter(({ IPAM }) => IPAM.Config[0]?.Subnet.startsWith(`10.0.${block}.`) === true)
      .toArray();
  const create = ({ Name, IPAM }: DockerNetwork): EngineResponse => {
    const asked = IPAM?.Config[0];
    if (asked !== undefined) {
      const others = inBlock(Number(asked.Subnet.split(".")[2])).map(
        (each) => each.IPAM.Config[0]?.Subnet ?? "",
      );
      if (others.some((other) => other === asked.Subnet || other.endsWith("/25")))
        return {
          status: 403,
          text: JSON.stringify({ message: "Pool overlaps with other one on this address space" }),
        };
    }
    const free = Array.from({ length: blocks }, (_, block) => block).find(
      (block) => inBlock(block).length === 0,
    );
    if (asked === undefined && free === undefined)
      return { status: 500, text: JSON.stringify({ message: "could not find an available address pool" }) };
    const config = asked ?? { Subnet: `10.0.${free}.0/25`, Gateway: `10.0.${free}.1` };
    networks.set(Name, { Name, IPAM: { Config: [config] } });
    return { status: 201, text: "{}" };
  };
  const answer = (method: string, path: string, body: unknown): EngineResponse => {
    if (method === "POST") return create(body as DockerNetwork);
    const name = path.split("/").at(-1) ?? "";
    const found = networks.get(name);
    if (method === "DELETE") networks.delete(name);
    return found === undefined ? { status: 404, text: "{}" } : { status: 200, text: JSON.stringify(found) };
  };
  const call = async (method: string, path: string, { body }: CallOptions = {}) => {
    await turn();
    return answer(method, path, body);
  };
  return { networks, engine: createEngineNetworks({ call } as EngineHttp, "docker", "/v1.41") };
}

const request = (name: string) => ({ name, labels: {}, internal: false, bridge: name, isolate: false });
const names = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`);

test("Docker's few blocks of addresses are split, also for networks that are asked for at once", async () => {
  const { engine, networks } = fakeDocker(4);
  const made = await Promise.all(names(8).map((name) => engine.create(request(name))));
  const subnets = made.flatMap((each) => each.subnets);
  assert.equal(new Set(subnets).size, 8);
  assert.ok(subnets.every((subnet) => subnet.endsWith("/26")));
  assert.equal(networks.size, 8, "none is left that was made to choose a block");
  await assert.rejects(engine.create(request("n8")), {
    code: "ENGINE_FAILED",
    message: /available address pool/u,
  });
});

test("a block of which somebody else uses a part is left to them", async () => {
  const { engine, networks } = fakeDocker(2);
  await engine.create(request("n0"));
  networks.set("theirs", {
    Name: "theirs",
    IPAM: { Config: [{ Subnet: "10.0.0.64/26", Gateway: "10.0.0.65" }] },
  });
  const { subnets } = await engine.create(request("n1"));
  assert.deepEqual(subnets, ["10.0.1.0/26"]);
});
