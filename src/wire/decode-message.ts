/** Decodes stored or received bytes as a message. */
import { fromBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { BoxkiteError } from "../domain/errors.ts";

/** `what`: named in the error, e.g. `s3://…/inputs.pb`. Throws INVALID_ARGUMENT for bytes that are no such message. */
export function decodeMessage<T extends DescMessage>(
  schema: T,
  bytes: Uint8Array,
  what: string,
): MessageShape<T> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new BoxkiteError("INVALID_ARGUMENT", `${what} is not a valid ${schema.name} message`, {
      cause,
      hint: "upload it again, with an SDK of the version that docs/protocol.md names",
    });
  }
}
