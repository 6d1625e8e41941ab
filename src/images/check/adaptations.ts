/** Which adaptations make images run that would not run as they are. */
import type { AdaptationKind } from "../../domain/adaptation.ts";
import type { PythonFacts } from "../../domain/image-facts.ts";
import { variantOf, type ARCHITECTURES, type Variant } from "../../domain/python-variant.ts";

/** What a finding names and this set contains makes the verdict "adapted" instead of "cannot". */
export type AvailableAdaptations = ReadonlySet<AdaptationKind>;

/** Those of this server. */
export const ALL_ADAPTATIONS: AvailableAdaptations = new Set([
  "interpreter",
  "entrypoint",
  "runtime",
  "start_time",
  "code",
]);

/** For images that are started as black boxes. */
export const NO_ADAPTATIONS: AvailableAdaptations = new Set();

/** As the kernel names them. */
const MACHINES: Readonly<Record<string, (typeof ARCHITECTURES)[number]>> = {
  x86_64: "amd64",
  aarch64: "arm64",
};

/** The Python runtime that fits an interpreter of an image; undefined where there is none. */
export function runtimeVariantOf({
  path,
  version,
  libc,
  architecture,
  build,
}: PythonFacts): Variant | undefined {
  const arch = MACHINES[architecture ?? ""];
  if (version === undefined || libc === undefined || arch === undefined) return undefined;
  const [name = ""] = libc.split(" ");
  return variantOf({ path, version, build, libc: name, arch });
}
