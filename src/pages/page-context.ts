/** What the pages are made with. */
import type { Principal } from "../domain/principal.ts";
import type { ServiceContext } from "../services/context.ts";
import type { ShortInputs } from "./short-inputs.ts";
import type { Viewer } from "./viewer.ts";

/** Of the server. */
export type PagesContext = Pick<
  ServiceContext,
  | "access"
  | "tokens"
  | "isOpenToAnyone"
  | "orchestrator"
  | "store"
  | "feed"
  | "objects"
  | "bucket"
  | "logs"
  | "clock"
  | "log"
  | "fingerprint"
  | "imagePlatform"
  | "pools"
>;

/** Of one page. */
export interface PageContext extends PagesContext {
  readonly inputs: ShortInputs;
  /** Who asks for the page. */
  readonly by: Principal;
  /** Undefined where nobody signed in, because this server does not ask for it or a program asks. */
  readonly viewer: Viewer | undefined;
  /** Whether people sign in on this server. */
  readonly hasLogin: boolean;
}
