/** Encodes the settings of a run, over those of the run that is repeated, if any. */
import { clone, create } from "@bufbuild/protobuf";
import type { RunSettings } from "../authoring/run.ts";
import { RelationSchema, RelationType } from "../../wire/gen/flyteidl2/common/run_pb.js";
import type { RunIdentifier } from "../../wire/gen/flyteidl2/common/identifier_pb.js";
import {
  AnnotationsSchema,
  CacheConfigSchema,
  CacheLookupScope,
  EnvsSchema,
  LabelsSchema,
  RawDataStorageSchema,
  RecoverSchema,
  RunSpecSchema,
  type RunSpec,
} from "../../wire/gen/flyteidl2/task/run_pb.js";

/** The run that a new one repeats, takes over from, or was started by. */
export interface Origin {
  readonly kind: keyof typeof RELATIONS;
  readonly run: Omit<RunIdentifier, "$typeName" | "$unknown">;
  /** Actions that run again although they succeeded there. */
  readonly forceRerunActions?: readonly string[];
}

const RELATIONS = {
  rerun: RelationType.RERUN,
  recover: RelationType.RECOVER,
  spawn: RelationType.SPAWN,
} as const;

export function encodeRunSpec(
  options: RunSettings,
  origin?: Origin,
  base: RunSpec = create(RunSpecSchema),
): RunSpec {
  const spec = clone(RunSpecSchema, base);
  const env = new Map(spec.envs?.values.map(({ key, value }) => [key, value]));
  for (const [key, value] of Object.entries(options.env ?? {})) env.set(key, value);
  spec.envs = create(EnvsSchema, { values: [...env].map(([key, value]) => ({ key, value })) });
  spec.labels = create(LabelsSchema, { values: { ...spec.labels?.values, ...options.labels } });
  spec.annotations = create(AnnotationsSchema, {
    values: { ...spec.annotations?.values, ...options.annotations },
  });
  spec.queue = options.queue ?? spec.queue;
  spec.maxActionConcurrency = options.maxActionConcurrency ?? spec.maxActionConcurrency;
  spec.overwriteCache = options.overwriteCache ?? spec.overwriteCache;
  spec.cacheConfig = create(CacheConfigSchema, {
    overwriteCache: spec.overwriteCache,
    cacheLookupScope:
      options.cacheLookupScope === undefined
        ? (spec.cacheConfig?.cacheLookupScope ?? CacheLookupScope.GLOBAL)
        : SCOPES[options.cacheLookupScope],
  });
  if (options.interruptible !== undefined) spec.interruptible = options.interruptible;
  if (options.rawDataPath !== undefined)
    spec.rawDataStorage = create(RawDataStorageSchema, { rawDataPrefix: options.rawDataPath });
  return withOrigin(spec, origin);
}

const SCOPES = {
  global: CacheLookupScope.GLOBAL,
  "project-domain": CacheLookupScope.PROJECT_DOMAIN,
} as const;

/** The origin of the repeated run is not copied: the new run's origin is the repeated run. */
function withOrigin(spec: RunSpec, origin: Origin | undefined): RunSpec {
  spec.relatedTo = undefined;
  spec.relation = undefined;
  spec.recover = undefined;
  if (origin === undefined) return spec;
  spec.relation = create(RelationSchema, { relatedTo: origin.run, relationType: RELATIONS[origin.kind] });
  if (origin.forceRerunActions !== undefined)
    spec.recover = create(RecoverSchema, { forceRerunActions: [...origin.forceRerunActions] });
  return spec;
}
