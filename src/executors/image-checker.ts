/** What checks images before tasks run in them, whatever runs the tasks. */
import type { ImageFacts } from "../domain/image-facts.ts";
import type { ResolvedImage } from "../domain/image.ts";
import type { CheckedImage } from "../images/check/report.ts";
import type { TaskImport, TaskName } from "../images/check/task-import.ts";

export interface CheckOptions {
  /** Whether any host may be asked for it: see lib/egress.ts. @default false */
  readonly isTrusted?: boolean;
  readonly onProgress?: (message: string) => void;
  readonly signal?: AbortSignal;
}

export interface ImageChecker {
  /**
   * Reads an image, or what is known of it. Throws IMAGE_* and REGISTRY_* where it cannot be had, ENGINE_* where the
   * engine fails.
   */
  check(reference: string, options?: CheckOptions): Promise<CheckedImage>;
  /** What was read of an image before, by its digest; nothing is asked or started. */
  findKnown(image: ResolvedImage): Promise<ImageFacts | undefined>;
  /**
   * Of an image that is resolved, by its digest. Undefined where nothing is known of it and it is not where attempts run:
   * nothing is pulled. Throws ENGINE_*.
   */
  readPresent(image: ResolvedImage, options?: CheckOptions): Promise<ImageFacts | undefined>;
  /** Imports the module of a task in a container of the image, within 20 s. */
  importTask(image: CheckedImage, task: TaskName, options?: CheckOptions): Promise<TaskImport>;
  close(): void;
}
