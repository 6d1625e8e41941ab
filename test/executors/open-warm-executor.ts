/** An executor of containers with workers, for attempts of the stock SDK. */
import type { EngineApi } from "../../src/containers/api.ts";
import type { ImageFacts, ImageFactsKey } from "../../src/domain/image-facts.ts";
import type { WarmStartSetting } from "../../src/domain/warm-start.ts";
import { createContainerExecutor } from "../../src/executors/container/container-executor.ts";
import { openWorkers } from "../../src/executors/container/warm-starts.ts";
import type { Executor } from "../../src/executors/executor.ts";
import { poolLimits } from "../../src/executors/workers/pool-rules.ts";
import { createWorkerPools } from "../../src/executors/workers/pools.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger, type Logger } from "../../src/lib/log.ts";
import { placePrograms } from "../../src/python-runtime/programs.ts";
import { fitsInMemory, RuntimeFitter } from "../../src/python-runtime/runtime-fitter.ts";
import type { CodeStore } from "../helpers/a0-container.ts";
import { testStore, STORE_DIRECTORY } from "../python-runtime/test-store.ts";

/** What attempts and workers share. */
export const CAPACITY_BYTES = 2 * 2 ** 30;

export interface Opening {
  readonly instance: string;
  /** Of the server's data. */
  readonly data: string;
  readonly code: CodeStore;
  readonly setting: WarmStartSetting;
  readonly log?: Logger;
}

export async function openWarmExecutor(
  api: EngineApi,
  { instance, data, code, setting, log = silentLogger }: Opening,
): Promise<Executor> {
  const clock = systemClock;
  const workers = await openWorkers({ api, instance, dataDirectory: data, log });
  const directory = STORE_DIRECTORY;
  const facts = new Map<string, ImageFacts>();
  const nameOf = (key: ImageFactsKey) => JSON.stringify(key);
  const fits = fitsInMemory();
  return createContainerExecutor({
    api,
    records: {
      ...fits,
      findImageFacts: async (key) => facts.get(nameOf(key)),
      recordImageFacts: async (key, of) => void facts.set(nameOf(key), of),
    },
    info: await api.info(),
    instance,
    log,
    clock,
    endpointHost: () => "unused",
    adaptation: {
      isStrict: false,
      bundles: code.bundles,
      fitter: new RuntimeFitter({ store: testStore(), directory, records: fits, clock, log }),
      placePrograms: () => placePrograms(directory, clock),
    },
    warmStarts: {
      ...workers,
      setting,
      createPools: (maker) =>
        createWorkerPools({
          maker,
          limits: poolLimits({ cpu: 2, memoryBytes: CAPACITY_BYTES }, { memoryBytes: 2 ** 30, workers: 4 }),
          availableMemory: () => undefined,
          clock,
          log,
        }),
    },
  });
}
