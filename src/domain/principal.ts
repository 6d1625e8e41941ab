/** Who calls: found once, where a request comes in, and kept with what the call makes. */
export interface Principal {
  /** A name that stays the same: `local` where nobody has to say who they are. */
  readonly who: string;
  /** The program that called, as it names itself: `flyte-sdk/2.12.1`, `boxkite-ts/0.1.0`; empty where it does not. */
  readonly client: string;
  /** The address it called from, without a port. */
  readonly from: string;
}

/** The server itself, and whoever calls it on a machine where nobody has to say who they are. */
export const LOCAL: Principal = { who: "local", client: "", from: "" };
