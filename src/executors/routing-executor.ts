/** One executor in front of two: an attempt whose image has a reserved name goes to the second. */
import type { LimitFacts } from "../domain/attempt.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { AttemptSpec, Executor } from "./executor.ts";
import type { Interactive } from "./interactive.ts";

export function routeByImage(
  usual: Executor,
  reserved: { readonly reference: string; readonly executor: Executor },
): Executor {
  const of = (reference: string) => (reference === reserved.reference ? reserved.executor : usual);
  const both = [usual, reserved.executor];
  return {
    description: usual.description,
    get capacity() {
      return usual.capacity;
    },
    ...(usual.onCapacityChange && { onCapacityChange: usual.onCapacityChange }),
    ...(usual.expect && { expect: usual.expect }),
    ...(usual.runEnded && { runEnded: usual.runEnded }),
    ...(usual.pools && { pools: usual.pools }),
    endpointForAttempts: usual.endpointForAttempts,
    environmentFor: (access) => of(access.image.reference).environmentFor(access),
    ...(usual.interactive && { interactive: exceptFor(reserved.reference, usual.interactive) }),
    ...(usual.platform && { platform: usual.platform }),
    ...(usual.checker && { checker: usual.checker }),
    resolveImage: (reference, isTrusted) => of(reference).resolveImage(reference, isTrusted),
    refusal: (reference, demands) => of(reference).refusal(reference, demands),
    start: (spec, logs, observer) => of(spec.image.reference).start(spec, logs, observer),
    // Whose attempt a key is, only the one that started it knows; for the other there is nothing to do.
    stop: async (key, graceMs) => {
      const exitCodes = await Promise.all(both.map((executor) => executor.stop(key, graceMs)));
      return exitCodes.find((exitCode) => exitCode !== undefined);
    },
    release: async (key) => void (await Promise.all(both.map((executor) => executor.release(key)))),
    ...(usual.limitFactsOf && { limitFactsOf: (spec) => limitFactsOf(of(spec.image.reference), spec) }),
    list: async () => (await Promise.all(both.map((executor) => executor.list()))).flat(),
    close: async () => void (await Promise.all(both.map((executor) => executor.close()))),
  };
}

/** What the reserved one does, it does inside the server. */
function exceptFor(reference: string, interactive: Interactive): Interactive {
  return {
    ...interactive,
    prepare: async (options, signal) => {
      if (options.spec.image.reference !== reference) return await interactive.prepare(options, signal);
      throw new BoxkiteError("INVALID_ARGUMENT", "this task runs inside the server, in no container", {
        hint: "its log has what it did",
      });
    },
  };
}

async function limitFactsOf(executor: Executor, spec: AttemptSpec): Promise<LimitFacts> {
  return (await executor.limitFactsOf?.(spec)) ?? { outOfMemory: false };
}
