/** Which answers say that the server has failed. */
import type { RawAnswer, RawRequest } from "./request.ts";

const FAILED_STATUSES = [500, 502, 503, 504, 507];
/** As the error of Connect, the end of a stream, a trailer of gRPC (13 is internal, 2 unknown, 15 data loss), and S3. */
const FAILED_TEXTS = [
  /"code":"(?:internal|unknown|data_loss)"/u,
  /grpc-status: *(?:13|2|15)\b/u,
  /<Code>InternalError<\/Code>/u,
];

/** What is wrong with the answer; undefined where nothing is. */
export function faultOf(request: RawRequest, { status, text }: RawAnswer): string | undefined {
  if (status === undefined) return request.isStream ? undefined : `no answer: ${text.slice(0, 200)}`;
  const isFailed = FAILED_STATUSES.includes(status) || FAILED_TEXTS.some((pattern) => pattern.test(text));
  return isFailed ? text.slice(0, 2_000) : undefined;
}
