/** The identity in messages that name a person. There are no users yet: it has no name. */
import { create } from "@bufbuild/protobuf";
import { EnrichedIdentitySchema } from "./gen/flyteidl2/common/identity_pb.js";

export const ANONYMOUS = create(EnrichedIdentitySchema, {});
