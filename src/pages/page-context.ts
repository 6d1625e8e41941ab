/** What one page is made with. */
import type { Principal } from "../domain/principal.ts";
import type { ServiceContext } from "../services/context.ts";

export interface PageContext extends Pick<
  ServiceContext,
  "access" | "orchestrator" | "store" | "feed" | "objects" | "bucket" | "logs" | "clock" | "log"
> {
  /** Who asks for the page. */
  readonly by: Principal;
}
