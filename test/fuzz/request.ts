/** A request as it goes over the wire, with nothing tidied. */

export interface RawRequest {
  /** Of the two servers: the one that asks for tokens, or the other. */
  readonly server: "open" | "closed";
  readonly version: 1 | 2;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** The whole; only a part of its body, and then the connection is cut; or all, and the client goes away at once. */
  readonly sends: "all" | "part" | "leaves";
  /** The answer may go on for ever, or begin late. */
  readonly isStream: boolean;
  /** The address to call from. */
  readonly from: string;
}

export interface RawAnswer {
  /** Undefined where none came: the reason is in `text`. */
  readonly status: number | undefined;
  /** Headers, what came of the body, trailers. */
  readonly text: string;
}

/** On one line, for the report of a fault. */
export function describe(request: RawRequest): string {
  const { body, ...rest } = request;
  const text = JSON.stringify({ ...rest, body: body.toString("latin1") });
  return text.length > 3_000 ? `${text.slice(0, 3_000)}… (${text.length} characters)` : text;
}
