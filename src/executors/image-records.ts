/** What is kept of images between servers. The store is one. */
import type { FactsCache } from "../images/check/facts-cache.ts";
import type { FitRecords } from "../python-runtime/runtime-fitter.ts";

export interface ImageRecords extends FactsCache, FitRecords {}
