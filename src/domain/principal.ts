/** Who calls: determined once per request, and stored with the records that the call makes. */
export interface Principal {
  /** A stable name; `local` where calls are not authenticated. */
  readonly who: string;
  /** The program that called, as it names itself: `flyte-sdk/2.12.1`, `boxkite-ts/0.1.0`; empty where it does not. */
  readonly client: string;
  /** The address it called from, without a port. */
  readonly from: string;
}

/** The server itself, and every caller where calls are not authenticated. */
export const LOCAL: Principal = { who: "local", client: "", from: "" };
