/** Every operation of the object store: what it asks for, and a request about an object of a run. */
import { signHeaders, presign, type PresignOptions } from "../../../src/lib/sigv4-signer.ts";
import { canonicalQuery, encodeUriPath, sha256Hex } from "../../../src/lib/sigv4.ts";
import { userCredentials } from "../../../src/server/user-credentials.ts";
import type { Answer } from "./check.ts";
import { OWN, type Caller } from "./callers.ts";
import type { Asked } from "./expected.ts";
import { send, type Received } from "./send.ts";
import { RUNS, SERVER, type Cell } from "./targets.ts";
import { secretOf, type RunKey, type World } from "./world.ts";

const BUCKET = "boxkite";

export interface Operation {
  readonly asks: readonly Asked[];
  /** Besides, of a place where the caller may write if anywhere. */
  readonly asksAtHome?: Asked;
  readonly cells: readonly Cell[];
  readonly request: (cell: Cell, home: RunKey) => Request;
  /** The codes with which it may end for those who may, other than well. */
  readonly ends?: readonly string[];
}

interface Request {
  readonly method: string;
  /** Empty for the bucket, undefined for the service. */
  readonly key: string | undefined;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Signed in its URL instead of a header. */
  readonly isUrl?: true;
}

export function objectOf({ project, domain, run }: RunKey, name = "there"): string {
  return `${project}/${domain}/runs/${run}/a0/1/raw/${name}`;
}

const folderOf = (cell: RunKey) => objectOf(cell, "");
const source = (key: string) => ({ "x-amz-copy-source": `/${BUCKET}/${key}` });
const REPLACE = { "x-amz-metadata-directive": "REPLACE" };
const PART = { partNumber: "1", uploadId: "none" };
const NO_UPLOAD = { ends: ["NoSuchUpload"] };

type Make = (cell: Cell, home: RunKey) => Omit<Request, "method">;

const reads = (method: string, make: Make): Operation => ({
  asks: ["read object"],
  cells: RUNS,
  request: (...args) => ({ method, ...make(...args) }),
});
const writes = (method: string, make: Make, more: Partial<Operation> = {}): Operation => ({
  ...reads(method, make),
  asks: ["change object"],
  ...more,
});
const knows = (method: string, key: "" | undefined, more: Partial<Request> = {}): Operation => ({
  asks: ["know bucket"],
  cells: SERVER,
  request: () => ({ method, key, ...more }),
});

export const OBJECTS: Readonly<Record<string, Operation | readonly Operation[]>> = {
  ListBuckets: knows("GET", undefined),
  HeadBucket: knows("HEAD", ""),
  GetBucketLocation: knows("GET", "", { query: { location: "" } }),
  CreateBucket: { ...knows("PUT", ""), ends: ["BucketAlreadyOwnedByYou"] },
  ListObjects: reads("GET", (cell) => ({ key: "", query: { prefix: folderOf(cell) } })),
  ListObjectsV2: reads("GET", (cell) => ({ key: "", query: { "list-type": "2", prefix: folderOf(cell) } })),
  ListMultipartUploads: reads("GET", (cell) => ({ key: "", query: { uploads: "", prefix: folderOf(cell) } })),
  GetObject: [
    reads("GET", (cell) => ({ key: objectOf(cell) })),
    reads("GET", (cell) => ({ key: objectOf(cell), isUrl: true })),
  ],
  HeadObject: reads("HEAD", (cell) => ({ key: objectOf(cell) })),
  GetObjectTagging: reads("GET", (cell) => ({ key: objectOf(cell), query: { tagging: "" } })),
  PutObject: [
    writes("PUT", (cell) => ({ key: objectOf(cell, "put"), body: "x" })),
    writes("PUT", (cell) => ({ key: objectOf(cell, "put-by-url"), body: "x", isUrl: true })),
  ],
  CopyObject: [
    // Onto itself.
    writes("PUT", (cell) => ({ key: objectOf(cell), headers: { ...source(objectOf(cell)), ...REPLACE } }), {
      asks: ["change object", "read object"],
    }),
    // To one's own.
    writes("PUT", (cell, home) => ({ key: objectOf(home, "copy"), headers: source(objectOf(cell)) }), {
      asks: ["read object"],
      asksAtHome: "change object",
    }),
  ],
  UploadPartCopy: writes(
    "PUT",
    (cell) => ({ key: objectOf(cell), query: PART, headers: source(objectOf(cell)) }),
    {
      asks: ["change object", "read object"],
      ...NO_UPLOAD,
    },
  ),
  CreateMultipartUpload: writes("POST", (cell) => ({ key: objectOf(cell, "parts"), query: { uploads: "" } })),
  UploadPart: writes("PUT", (cell) => ({ key: objectOf(cell), query: PART, body: "x" }), NO_UPLOAD),
  CompleteMultipartUpload: writes(
    "POST",
    (cell) => ({
      key: objectOf(cell),
      query: { uploadId: "none" },
      body: "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>",
    }),
    NO_UPLOAD,
  ),
  AbortMultipartUpload: writes(
    "DELETE",
    (cell) => ({ key: objectOf(cell), query: { uploadId: "none" } }),
    NO_UPLOAD,
  ),
  DeleteObject: writes("DELETE", (cell) => ({ key: objectOf(cell, "put") })),
  DeleteObjects: writes("POST", (cell) => ({
    key: "",
    query: { delete: "" },
    body: `<Delete><Object><Key>${objectOf(cell, "put")}</Key></Object></Delete>`,
  })),
};

/** An object of each run, and one of a project and of a domain whose names begin like those of others. */
export async function fillObjects({ url, signingKeys }: World): Promise<void> {
  const keys = userCredentials(signingKeys, "");
  const put = async (key: string, body: string) => {
    const options = { method: "PUT", origin: url, bucket: BUCKET, key } as const;
    const signed = presign({ ...options, ...keys, expiresInSeconds: 60, nowMs: Date.now() });
    const { ok } = await fetch(signed, { method: "PUT", body });
    if (!ok) throw new Error(`${key} could not be written`);
  };
  for (const cell of RUNS.filter(({ exists }) => exists)) await put(objectOf(cell), secretOf.run(cell.run));
  for (const key of ["alphabet/development/x", "alpha/development-2/x"]) await put(key, "x");
}

export const PREFIXES = ["", "al", "alpha", "alpha/", "alpha/dev", "alpha/development", "alpha/development/"];

/** The keys that the caller sees. */
export async function listed(url: string, caller: Caller, prefix: string): Promise<string[]> {
  const list: Operation = {
    asks: [],
    cells: SERVER,
    request: () => ({ method: "GET", key: "", query: { "list-type": "2", prefix } }),
  };
  const [cell] = SERVER;
  if (cell === undefined) return [];
  const { text } = await touch(url, caller, list, cell);
  return [...text.matchAll(/<Key>([^<]*)<\/Key>/gu)].map(([, key = ""]) => key);
}

/** Where the caller may write, if anywhere. */
export function homeOf({ rights }: Caller): RunKey {
  return rights.kind === "task" ? { ...OWN, run: rights.run } : OWN;
}

export async function touch(url: string, caller: Caller, operation: Operation, cell: Cell): Promise<Answer> {
  const { method, key, query = {}, headers = {}, body = "", isUrl } = operation.request(cell, homeOf(caller));
  const path = key === undefined ? "/" : `/${BUCKET}${key === "" ? "" : `/${key}`}`;
  const pairs = Object.entries(query);
  const search = pairs.length === 0 ? "" : `?${canonicalQuery(pairs)}`;
  const { keys } = caller;
  const { path: before = "", bearer, from } = caller.shows();
  if (keys === undefined) {
    const shown = bearer === undefined ? headers : { ...headers, authorization: `Bearer ${bearer}` };
    const sent = { method, path: before + encodeUriPath(path) + search, headers: shown, body, from };
    return answerOf(caller, method, await send(url, sent));
  }
  const nowMs = Date.now();
  if (isUrl) {
    const options = {
      method: method as PresignOptions["method"],
      origin: url,
      bucket: BUCKET,
      key: key ?? "",
    };
    const signed = new URL(presign({ ...options, ...keys, expiresInSeconds: 60, nowMs }));
    return answerOf(
      caller,
      method,
      await send(url, { method, path: signed.pathname + signed.search, body, from }),
    );
  }
  const { host } = new URL(url);
  const signed = signHeaders(
    { method, path, query: pairs, host, headers, payloadHash: sha256Hex(body) },
    { ...keys, nowMs },
  );
  const sent = { method, path: encodeUriPath(path) + search, headers: signed.headers, body, from };
  return answerOf(caller, method, await send(url, sent));
}

/** S3 has one code for who proves nothing and for who may not. */
function answerOf({ rights }: Caller, method: string, { status, text }: Received): Answer {
  const code = /<Code>(\w+)<\/Code>/u.exec(text)?.[1];
  // Without a signature the root is a page.
  if (status === 401 || status === 302) return { outcome: "unauthenticated", text };
  if (status === 403 || code === "AccessDenied") {
    const outcome = rights.kind === "nobody" ? "unauthenticated" : "denied";
    const message = /<Message>([^<]*)<\/Message>/u.exec(text)?.[1] ?? "";
    const saysWhy = outcome === "unauthenticated" || method === "HEAD" || message.includes("may not");
    return { outcome, text: message, ...(!saysWhy && { failure: "a refusal without the right" }) };
  }
  const isMissing = method === "HEAD" && status === 404;
  const failure = isMissing ? "NoSuchKey" : status >= 400 ? (code ?? String(status)) : undefined;
  return { outcome: "allowed", text, ...(failure !== undefined && { failure }) };
}
