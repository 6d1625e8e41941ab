/** What is known of an attempt on this engine, whichever container it gets. */
import type { LogSink } from "../../domain/attempt.ts";
import type { AttemptObserver, AttemptSpec } from "../executor.ts";
import { AttemptImage } from "./attempt-image.ts";
import { AttemptNotes } from "./attempt-notes.ts";
import type { ContainerAttemptContext } from "./container-attempt.ts";
import type { CreateContext } from "./create-container.ts";
import { EngineRetry } from "./engine-retry.ts";
import { attemptMember } from "./network-member.ts";

/** `name` and `member` are those of a container of its own; `spec` is as it was asked for. */
export interface AttemptContext extends CreateContext {
  readonly image: AttemptImage;
  readonly notes: AttemptNotes;
}

export function attemptContext(
  context: ContainerAttemptContext,
  spec: AttemptSpec,
  sink: LogSink,
  observer: AttemptObserver,
): AttemptContext {
  const member = attemptMember(context.settings.instance, spec.key);
  const { name } = member;
  const log = context.log.child({ container: name });
  const onUnreachable = (message: string) => observer.progress(message);
  const retry = new EngineRetry({ ...context, log, onUnreachable });
  const image = new AttemptImage({ ...context, retry, spec, observer });
  return { ...context, spec, sink, observer, name, member, log, retry, image, notes: new AttemptNotes() };
}
