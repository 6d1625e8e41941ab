/** The identity in messages that name a person: of a caller that was stored with what it made. */
import { create } from "@bufbuild/protobuf";
import { LOCAL } from "../domain/principal.ts";
import { EnrichedIdentitySchema, type EnrichedIdentity } from "./gen/flyteidl2/common/identity_pb.js";

/** Without a name where callers were not authenticated. */
export function encodeCaller(who: string | undefined): EnrichedIdentity {
  if (who === undefined || who === LOCAL.who) return create(EnrichedIdentitySchema, {});
  const value = { id: { subject: who }, spec: { userHandle: who } };
  return create(EnrichedIdentitySchema, { principal: { case: "user", value } });
}
