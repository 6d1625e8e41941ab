/** What the requests know: callers with their tokens and keys, and what the answers have taught. */
import type { Credentials } from "../../src/orchestrator/access-keys.ts";
import type { Random } from "../helpers/random.ts";
import type { RawRequest } from "./request.ts";

export type ServerName = RawRequest["server"];

/** An attempt that runs, or has run. */
export interface KnownAttempt extends Credentials {
  readonly token: string;
}

export interface World {
  readonly port: Readonly<Record<ServerName, number>>;
  /** Keys of an operator; of the token, where there is one. */
  readonly keys: Readonly<Record<ServerName, readonly Credentials[]>>;
  /** Of an admin and of a runner, both on the closed server. */
  readonly tokens: readonly string[];
  readonly attempts: Record<ServerName, KnownAttempt[]>;
  /** Of a browser on the closed server. */
  session: { readonly cookie: string; readonly formToken: string };
  /** Of uploads in parts, with the key. */
  readonly uploads: { readonly id: string; readonly key: string }[];
  readonly etags: string[];
}

/** All are this machine. The server takes the second one for a container's; the third one never guesses tokens. */
export const ADDRESSES = { machine: "127.0.0.1", container: "127.0.0.2", browser: "127.0.0.3" } as const;

/** How a caller shows who it is, beside the signatures of S3. */
export interface Caller {
  readonly server: ServerName;
  readonly from: string;
  readonly pathPrefix: string;
  readonly headers: readonly (readonly [string, string])[];
}

export function randomCaller(world: World, random: Random): Caller {
  const server = random.pick(["open", "closed"] as const);
  const nobody: Caller = { server, from: ADDRESSES.machine, pathPrefix: "", headers: [] };
  const attempts = world.attempts[server];
  const attempt = attempts.length > 0 ? random.pick(attempts) : undefined;
  switch (random.below(10)) {
    case 0:
      return { ...nobody, from: ADDRESSES.container };
    case 1:
      return { ...nobody, pathPrefix: random.pick(["/t/bka.eA.eA", "/t/", "/t/x/t/y", "/t/%00"]) };
    case 2:
      return {
        ...nobody,
        headers: [["authorization", random.pick(["Bearer bkt_x", "Bearer ", "Basic eA==", "x"])]],
      };
    case 3:
    case 4:
    case 5:
      if (attempt !== undefined)
        return { ...nobody, from: ADDRESSES.container, pathPrefix: `/t/${attempt.token}` };
      return nobody;
    default: {
      if (server === "open") return nobody;
      const token = random.pick(world.tokens);
      return random.chance(0.5)
        ? { ...nobody, pathPrefix: `/t/${token}` }
        : { ...nobody, headers: [["authorization", `Bearer ${token}`]] };
    }
  }
}
