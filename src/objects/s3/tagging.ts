/**
 * Tags of an object: given when it is written or copied, and kept for its readers.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
 */
import { S3Error } from "./s3-error.ts";
import { parseQuery, type S3Request } from "./s3-request.ts";

export type Tags = Readonly<Record<string, string>>;

export const TAGGING_HEADER = "x-amz-tagging";
/** As S3. Lengths are in characters. */
const MAX_TAGS = 10;
const MAX_NAME_LENGTH = 128;
const MAX_VALUE_LENGTH = 256;

/** Undefined if the request names none. Throws InvalidTag. */
export function tagsOf(request: S3Request): Tags | undefined {
  const header = request.header(TAGGING_HEADER);
  if (header === undefined || header === "") return undefined;
  const tags = parseQuery(header);
  if (tags.length > MAX_TAGS) throw invalid(`An object has ${MAX_TAGS} tags at most, not ${tags.length}.`);
  if (new Set(tags.map(([name]) => name)).size < tags.length) throw invalid("A tag is named twice.");
  for (const [name, value] of tags) {
    if (name === "" || name.length > MAX_NAME_LENGTH)
      throw invalid(`The name of a tag has 1 to ${MAX_NAME_LENGTH} characters.`);
    if (value.length > MAX_VALUE_LENGTH)
      throw invalid(`The value of a tag has at most ${MAX_VALUE_LENGTH} characters.`);
  }
  return Object.fromEntries(tags);
}

function invalid(message: string): S3Error {
  return new S3Error("InvalidTag", message);
}
