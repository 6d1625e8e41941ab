/** The rules of who may do what, by the kind of the caller's identity. */
import type { ObjectRights } from "../../orchestrator/object-rights.ts";
import type { Reproductions } from "../../orchestrator/reproductions.ts";
import type { StoreReader } from "../../store/reader.ts";
import type { Authorise, Resource, Right } from "../access.ts";
import { createAttemptRules } from "./attempt.ts";
import { createReproductionRules } from "./reproduction.ts";
import { unauthenticated } from "./refusals.ts";
import { requireStarter } from "./starter.ts";
import { authoriseToken, type TokenReader } from "./token.ts";

export interface AuthoriseOptions {
  readonly store: StoreReader;
  readonly rights: ObjectRights;
  readonly tokens: TokenReader;
  readonly reproductions: Pick<Reproductions, "find">;
  /** Asked besides. */
  readonly also?: Authorise | undefined;
}

export function createAuthorise(options: AuthoriseOptions): Authorise {
  const { also } = options;
  const authorise: Authorise = (by, right, resource) => {
    const { identity } = by;
    switch (identity.kind) {
      case "everyone":
        return undefined;
      case "attempt":
        return ofAttempt(by, identity.key, right, resource);
      case "reproduction":
        return ofReproduction(by, identity, right, resource);
      case "token":
        return ofToken(identity.id, right, resource);
      case "stranger":
        throw unauthenticated(identity);
    }
  };
  const ofToken = async (id: string, right: Right, resource: Resource) => {
    await authoriseToken(options.tokens, id, right, resource);
    await requireStarter(options, id, right, resource);
  };
  const ofAttempt = createAttemptRules({ ...options, authorise });
  const ofReproduction = createReproductionRules({ ...options, authorise });
  if (also === undefined) return authorise;
  return async (...asked) => {
    await authorise(...asked);
    await also(...asked);
  };
}
