import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT_HEADER } from "../services/origin.ts";
import { createAuthenticate } from "./authenticate.ts";
import type { People } from "./people.ts";

const KEYS = {} as Parameters<typeof createAuthenticate>[0];
const CONTAINER = "10.88.0.7";
const reach = { classOf: (_: string, from: string) => (from === CONTAINER ? "bridge" : "loopback") } as const;

/** Knows nobody. */
const people: Pick<People, "identify" | "nobody"> = {
  identify: () => undefined,
  nobody: { kind: "stranger", why: "this server asks for a token", hint: "" },
};

async function callOf(auth: "off" | "tokens", peer: string, client = peer) {
  const socket = { localAddress: "10.88.0.1", remoteAddress: peer };
  const request = { headers: { [CLIENT_HEADER]: client }, socket, url: "/" };
  const authenticate = createAuthenticate(KEYS, reach, auth === "tokens" ? people : undefined);
  return (await authenticate(request as never)).by;
}

test("without a token everybody is accepted where nobody has to log in, and nobody where tokens are wanted", async () => {
  assert.equal((await callOf("off", "127.0.0.1")).identity.kind, "everyone");
  const { identity } = await callOf("tokens", "127.0.0.1");
  assert.equal(identity.kind, "stranger");
  assert.match(identity.kind === "stranger" ? identity.why : "", /asks for a token/u);
});

test("a proxy in a container speaks for its client, another container for itself", async () => {
  assert.equal((await callOf("off", CONTAINER)).identity.kind, "stranger");
  const forwarded = await callOf("off", CONTAINER, "198.51.100.7");
  assert.deepEqual([forwarded.identity.kind, forwarded.from], ["everyone", "198.51.100.7"]);
});
