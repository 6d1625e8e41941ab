/** All that services and pages work with, made once by the server; each names what it needs of it. */
import type { Catalog } from "../orchestrator/catalog.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import type { Reproduce } from "../orchestrator/reproduce.ts";
import type { Reproductions } from "../orchestrator/reproductions.ts";
import type { ObjectRights } from "../orchestrator/object-rights.ts";
import type { PoolState } from "../domain/pool-state.ts";
import type { ImageBuildService } from "../builds/service.ts";
import type { ImagePlatform } from "../images/registry/platform.ts";
import type { AttemptLogs } from "../logs/attempt-logs.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Principal } from "../domain/principal.ts";
import type { StoreReader } from "../store/reader.ts";
import type { Access } from "./access.ts";
import type { TokenReader } from "./authorise/token.ts";
import type { ChangeFeed } from "./change-feed.ts";
import type { ImageCheck } from "./image-check/image-check.ts";
import type { LargeObjects } from "./large-objects.ts";
import type { RunQuota } from "./run-quota.ts";
import type { UnusedImages } from "./unused-images.ts";

export interface ServiceContext {
  readonly access: Access;
  readonly tokens: TokenReader;
  readonly store: StoreReader;
  readonly catalog: Catalog;
  readonly orchestrator: Orchestrator;
  readonly rights: ObjectRights;
  readonly reproductions: Reproductions;
  readonly reproduce: Reproduce;
  readonly objects: ObjectStore;
  readonly largeObjects: LargeObjects;
  readonly runQuota: RunQuota;
  readonly logs: AttemptLogs;
  readonly feed: ChangeFeed;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bucket: string;
  /** Undefined where nothing can build images. */
  readonly builds: ImageBuildService | undefined;
  readonly unusedImages: UnusedImages;
  readonly imageCheck: ImageCheck;
  /** Of the images that attempts run in: facts of images are kept by it. */
  readonly imagePlatform: ImagePlatform;
  /** What is kept warm now; undefined where nothing ever is. */
  readonly pools: (() => readonly PoolState[]) | undefined;
  /** Whether other machines may connect although nobody proves who they are. */
  readonly isOpenToAnyone: boolean;
  /** A short hash of a text with a key that only this server has, and the same for as long as its store lasts. */
  readonly fingerprint: (text: string) => string;
  /** The server's own, for people: without a path. A request may come by one that only containers know. */
  readonly publicUrl: () => string;
  /** A URL that lets its bearer PUT or GET one object for a while, as long as `by` may. `origin`: as the client sees us. */
  readonly presign: (request: PresignRequest) => string;
}

export interface PresignRequest {
  readonly method: "GET" | "PUT";
  readonly origin: string;
  readonly uri: string;
  readonly expiresInSeconds: number;
  /**
   * For a PUT that makes an object and replaces none. With `md5` (16 bytes) the URL is good for this content only, and its
   * bearer sends it as Content-MD5.
   */
  readonly writeOnce?: { readonly md5: Uint8Array | undefined };
  /** In whose name it is signed. */
  readonly by: Principal;
}
