import { MAX_XML_BYTES, parseXml, type XmlElement } from "../../lib/xml.ts";
import type { Call } from "./call.ts";
import { S3Error } from "./s3-error.ts";
import { verifyBody, type VerifyOptions } from "./verified-body.ts";

/** The body as XML with this root. Throws MalformedXML, also for a body beyond the bounds of lib/xml.ts. */
export async function readXml(call: Call, root: string, options: VerifyOptions = {}): Promise<XmlElement> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of verifyBody(call.request, call.authenticated, options).bytes) {
    length += chunk.length;
    if (length > MAX_XML_BYTES)
      throw new S3Error("MalformedXML", `The XML of a request is at most ${MAX_XML_BYTES} bytes long.`);
    chunks.push(chunk);
  }
  const element = await parseXml(Buffer.concat(chunks));
  if (element?.name === root) return element;
  throw new S3Error("MalformedXML", `The body is not a well-formed ${root}.`);
}
