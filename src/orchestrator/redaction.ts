/**
 * What is kept of an attempt has none of its own secrets in it: neither its log, nor what its executor reports, nor
 * the error that it wrote. The SDK prints the address of its server, whose path has the attempt's token.
 */
import type { ActionError } from "../domain/action.ts";
import type { AttemptExit, AttemptKey, LogSink } from "../domain/attempt.ts";
import type { Outcome } from "../domain/outcome/judge.ts";
import type { AttemptObserver, Executor } from "../executors/executor.ts";
import type { Redactor } from "../lib/redact.ts";

export type RedactorOf = (key: AttemptKey) => Redactor;

/** The same executor, whose attempts write and report no secret of their own. */
export function redactingExecutor(executor: Executor, redactorOf: RedactorOf): Executor {
  return {
    ...executor,
    get capacity() {
      return executor.capacity;
    },
    start: (spec, logs, observer) => {
      const redactor = redactorOf(spec.key);
      return executor.start(spec, redactingSink(logs, redactor), redactingObserver(observer, redactor));
    },
  };
}

/** An outcome, whoever has said it: the task in its error document, the engine, the end of the log. */
export function redactedOutcome(outcome: Outcome, { redact }: Redactor): Outcome {
  if ("error" in outcome) {
    const { error } = outcome;
    const redacted: ActionError = { ...error, code: redact(error.code), ...redactedTexts(error, redact) };
    return { ...outcome, error: redacted };
  }
  return "reason" in outcome ? { ...outcome, reason: redact(outcome.reason) } : outcome;
}

function redactingSink(sink: LogSink, { redact }: Redactor): LogSink {
  return {
    get lastAtMs() {
      return sink.lastAtMs;
    },
    write: (stream, line, atMs) => sink.write(stream, redact(line), atMs),
    flush: () => sink.flush(),
  };
}

function redactingObserver(observer: AttemptObserver, { redact }: Redactor): AttemptObserver {
  return {
    progress: (message) => observer.progress(redact(message)),
    prepared: (start) => observer.prepared(start),
    waiting: (reason) => observer.waiting(redact(reason)),
    started: (atMs) => observer.started(atMs),
    ended: (exit: AttemptExit) => observer.ended({ ...exit, ...redactedTexts(exit, redact) }),
  };
}

function redactedTexts<Texts extends { readonly message?: string; readonly hint?: string | undefined }>(
  { message, hint }: Texts,
  redact: Redactor["redact"],
): Pick<Texts, "message" | "hint"> {
  return {
    ...(message !== undefined && { message: redact(message) }),
    ...(hint !== undefined && { hint: redact(hint) }),
  } as Pick<Texts, "message" | "hint">;
}
