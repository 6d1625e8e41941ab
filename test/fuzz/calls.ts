/** Random calls of every RPC, in every protocol and encoding, whole and broken. */
import { brotliCompressSync, gzipSync } from "node:zlib";
import { toBinary, toJson, type DescMethod, type JsonValue, type Message } from "@bufbuild/protobuf";
import { RPC_RIGHTS } from "../../src/services/rpc-rights.ts";
import { SERVICES } from "../../src/services/every-service.ts";
import type { Random } from "../helpers/random.ts";
import { messageFor } from "./messages.ts";
import type { RawRequest } from "./request.ts";
import { bytesOf, oddText } from "./values.ts";

const METHODS = SERVICES.flatMap(({ methods }) => methods);
const BUILT = METHODS.filter((method) => `${method.parent.name}/${method.name}` in RPC_RIGHTS);

type Call = Omit<RawRequest, "server" | "from" | "sends">;
type Headers = (readonly [string, string])[];

export function randomCall(random: Random): Call {
  const method = random.pick(random.chance(0.9) ? BUILT : METHODS);
  const isJson = random.chance(0.5);
  const message = encoded(method, isJson, random);
  const path = `/${method.parent.typeName}/${method.name}`;
  const common = { isStream: method.methodKind !== "unary", headers: oddHeaders(random) };
  const protocol = random.pick(["connect", "connect", "connect", "grpc", "grpc-web", "get"] as const);
  const suffix = isJson ? "json" : "proto";
  const [body, compression] = compressed(message, random);
  switch (protocol) {
    case "get": {
      const query = new URLSearchParams({ connect: "v1", encoding: suffix, base64: "1" });
      query.set("message", message.toString("base64url"));
      if (random.chance(0.1)) query.set("compression", oddText(random));
      return {
        ...common,
        version: 1,
        method: "GET",
        path: `${path}?${query.toString()}`,
        body: Buffer.alloc(0),
      };
    }
    case "grpc":
    case "grpc-web": {
      const type = contentType(`application/${protocol}+${suffix}`, random);
      const headers: Headers = [...common.headers, type, ["te", "trailers"]];
      if (compression !== undefined) headers.push(["grpc-encoding", compression]);
      if (random.chance(0.1))
        headers.push(["grpc-timeout", random.pick(["1m", "0n", "99999999H", "-1S", "x"])]);
      const version = protocol === "grpc" ? 2 : 1;
      return { ...common, version, method: "POST", path, headers, body: envelope(body, compression, random) };
    }
    case "connect": {
      const isUnary = common.isStream === random.chance(0.02);
      const type = contentType(isUnary ? `application/${suffix}` : `application/connect+${suffix}`, random);
      const headers: Headers = [...common.headers, type];
      const encoding = isUnary ? "content-encoding" : "connect-content-encoding";
      if (compression !== undefined) headers.push([encoding, compression]);
      if (random.chance(0.1))
        headers.push(["connect-timeout-ms", random.pick(["1", "0", "-1", "99999999999999", "x", "1e3"])]);
      if (random.chance(0.1)) headers.push(["connect-protocol-version", random.pick(["1", "2", ""])]);
      const whole = isUnary ? body : envelope(body, compression, random);
      return { ...common, version: random.pick([1, 1, 2]), method: "POST", path, headers, body: whole };
    }
  }
}

function contentType(usual: string, random: Random): readonly [string, string] {
  const odd = [
    "text/plain",
    "",
    "application/json; charset=utf-16",
    "application/grpc",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
  ];
  return ["content-type", random.chance(0.05) ? random.pick(odd) : usual];
}

function oddHeaders(random: Random): Headers {
  const headers: Headers = [];
  if (random.chance(0.1)) headers.push(["user-agent", random.pick(["", "x".repeat(3_000), "é", "\t"])]);
  if (random.chance(0.05)) headers.push(["origin", random.pick(["null", "http://evil.example", "x"])]);
  if (random.chance(0.05))
    headers.push(["accept-encoding", random.pick(["gzip", "br;q=0", "zstd", "x".repeat(500)])]);
  if (random.chance(0.05)) headers.push(["connect-accept-encoding", random.pick(["gzip", "br", "x"])]);
  if (random.chance(0.03)) headers.push(["x-http-method-override", "DELETE"]);
  return headers;
}

function encoded(method: DescMethod, isJson: boolean, random: Random): Buffer {
  const message = messageFor(method, random);
  return isJson ? jsonOf(method, message, random) : binaryOf(method, message, random);
}

function binaryOf({ input }: DescMethod, message: Message, random: Random): Buffer {
  const bytes = Buffer.from(toBinary(input, message));
  if (random.chance(0.75)) return bytes;
  switch (random.below(6)) {
    case 0:
      return bytes.subarray(0, random.below(bytes.length + 1));
    case 1:
      return bytesOf(random, 200);
    case 2:
      // A field that nobody knows, and one with a wrong type on the wire.
      return Buffer.concat([bytes, Buffer.from([0xfa, 0x7f, 3, 1, 2, 3])]);
    case 3:
      return Buffer.concat([Buffer.from([8 + random.below(8), 1]), bytes]);
    case 4:
      return nested(random.pick([50, 99, 101, 3_000]));
    default:
      for (let flips = 1 + random.below(4); flips > 0 && bytes.length > 0; flips--)
        bytes[random.below(bytes.length)] = random.below(256);
      return bytes;
  }
}

/** Field 1 within field 1 …, as a decoder reads it that knows such a type; others skip it as unknown. */
function nested(depth: number): Buffer {
  let bytes: Buffer = Buffer.alloc(0);
  for (let level = 0; level < depth; level++) {
    const length: number[] = [];
    for (let rest = bytes.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    bytes = Buffer.concat([Buffer.from([0x0a, ...length]), bytes]);
  }
  return bytes;
}

function jsonOf({ input }: DescMethod, message: Message, random: Random): Buffer {
  let json: JsonValue;
  try {
    json = toJson(input, message);
  } catch {
    // Such as a time that has no form in JSON.
    json = { runId: oddText(random) };
  }
  if (random.chance(0.3)) json = changed(json, random);
  const text = JSON.stringify(json);
  if (random.chance(0.9)) return Buffer.from(text);
  switch (random.below(5)) {
    case 0:
      return Buffer.from(text.slice(0, random.below(text.length + 1)));
    case 1:
      return Buffer.from(`${"[".repeat(5_000)}${"]".repeat(5_000)}`);
    case 2:
      return Buffer.from(text.replace("{", '{"runId":{"name":"x"},"runId":null,"__proto__":{"x":1},'));
    case 3:
      return Buffer.from(text.replaceAll('"', '"\\ud800'));
    default:
      return Buffer.concat([Buffer.from(text.slice(0, -1)), bytesOf(random), Buffer.from("}")]);
  }
}

/** One value, somewhere, is of another kind. */
function changed(json: JsonValue, random: Random): JsonValue {
  if (json !== null && typeof json === "object" && random.chance(0.8)) {
    const names = Object.keys(json);
    if (names.length > 0) {
      const name = random.pick(names);
      const inner = (json as Record<string, JsonValue>)[name] ?? null;
      if (Array.isArray(json))
        return json.map((each, index) => (String(index) === name ? changed(each, random) : each));
      return { ...json, [name]: changed(inner, random) };
    }
  }
  return random.pick<JsonValue>([
    null,
    "",
    "NaN",
    "\ud800",
    -1,
    1e300,
    0.5,
    true,
    [],
    {},
    [[]],
    [null],
    { a: 1 },
    oddText(random),
  ]);
}

function compressed(message: Buffer, random: Random): [Buffer, string | undefined] {
  if (random.chance(0.85)) return [message, undefined];
  switch (random.below(5)) {
    case 0:
      return [gzipSync(message), "gzip"];
    case 1:
      return [brotliCompressSync(message), "br"];
    case 2:
      return [message, random.pick(["gzip", "br"])];
    case 3:
      return [gzipSync(message).subarray(0, -3), "gzip"];
    default:
      return [message, random.pick(["zstd", "identity", "deflate", "x", ""])];
  }
}

/** Of a stream: flags, length, message. */
function envelope(message: Buffer, compression: string | undefined, random: Random): Buffer {
  const head = Buffer.alloc(5);
  head[0] = compression === undefined ? 0 : 1;
  head.writeUInt32BE(message.length, 1);
  const whole = Buffer.concat([head, message]);
  if (random.chance(0.85)) return whole;
  switch (random.below(5)) {
    case 0:
      head[0] = random.below(256);
      return Buffer.concat([head, message]);
    case 1:
      head.writeUInt32BE(random.pick([0, 0xffffffff, message.length + 1, 100_000_000]), 1);
      return Buffer.concat([head, message]);
    case 2:
      return Buffer.concat([whole, whole]);
    case 3:
      return whole.subarray(0, random.below(whole.length));
    default:
      return Buffer.alloc(0);
  }
}
