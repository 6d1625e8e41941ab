import type { Call } from "./call.ts";
import { S3Error } from "./s3-error.ts";
import { verifyBody, type VerifyOptions } from "./verified-body.ts";
import { parseXml, type XmlElement } from "./xml.ts";

/** 10,000 parts with their checksums, or 1000 long keys, are well below. */
const MAX_XML_BYTES = 4 * 1024 * 1024;

/** The body as XML with this root. Throws MalformedXML, EntityTooLarge. */
export async function readXml(call: Call, root: string, options: VerifyOptions = {}): Promise<XmlElement> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of verifyBody(call.request, call.authenticated, options).bytes) {
    length += chunk.length;
    if (length > MAX_XML_BYTES) {
      throw new S3Error("EntityTooLarge", `The XML of a request is at most ${MAX_XML_BYTES} bytes long.`);
    }
    chunks.push(chunk);
  }
  const element = parseXml(Buffer.concat(chunks).toString());
  if (element?.name === root) return element;
  throw new S3Error("MalformedXML", `The body is not a well-formed ${root}.`);
}
