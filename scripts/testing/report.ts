/** The results of tests: a line for each; at the end the slowest files, the failures, and what was skipped and why. */
import { relative } from "node:path";
import type { EventData } from "node:test";
import type { TestEvent } from "node:test/reporters";
import { Crashes } from "./crashes.ts";

type Ended = EventData.TestPass | EventData.TestFail;

const SLOWEST_FILES = 15;
/** A test that takes longer is printed with its duration. */
const LONG_MS = 1_000;

export interface Report {
  take(event: TestEvent): void;
  /** Prints the summary. True where at least one test passed and none failed. */
  close(): boolean;
}

/** `print` receives whole lines without a line break. File names are printed relative to `root`. */
export function createReport(root: string, print: (line: string) => void): Report {
  let passed = 0;
  const failures: string[] = [];
  const skipped: string[] = [];
  const times = new FileTimes();
  const crashes = new Crashes();

  const fileOf = ({ file = "" }: { file?: string }) => (file === "" ? file : relative(root, file));
  const titleOf = (event: Ended) => (isFile(event) ? fileOf(event) : `${fileOf(event)} › ${event.name}`);

  const pass = (event: EventData.TestPass) => {
    const why = event.skip ?? event.todo;
    if (why !== undefined) {
      skipped.push(`${titleOf(event)}: ${String(why)}`);
      return;
    }
    if (isContainer(event)) return;
    passed++;
    const ms = event.details.duration_ms;
    print(`ok   ${titleOf(event)}${ms > LONG_MS ? ` (${seconds(ms)})` : ""}`);
  };
  const fail = (event: EventData.TestFail) => {
    // Each failure counts once: where it happened, not again in the tests, suites and files around it.
    if (failureTypeOf(event) === "subtestsFailed") return;
    const cause = crashes.errorOf(event) ?? causeOf(event);
    failures.push(`${titleOf(event)}: ${cause.message}`);
    print(`FAIL ${titleOf(event)}\n${cause.message}\n${cause.stack ?? ""}`);
  };

  return {
    take: (event) => {
      times.take(event);
      if (event.type === "test:stderr") crashes.take(event.data);
      if (event.type === "test:pass") pass(event.data);
      if (event.type === "test:fail") fail(event.data);
    },
    close: () => {
      const slowest = times.slowest(SLOWEST_FILES);
      if (slowest.length > 1) {
        print("slowest files:");
        for (const [file, ms] of slowest) print(`  ${seconds(ms).padStart(8)}  ${fileOf({ file })}`);
      }
      for (const failure of failures) print(`FAILED ${failure}`);
      if (skipped.length > 0) print(`skipped:\n${skipped.map((line) => `  ${line}`).join("\n")}`);
      print(`${passed} passed, ${failures.length} failed, ${skipped.length} skipped`);
      return failures.length === 0 && passed > 0;
    },
  };
}

/** The duration of a file is that of its process where it has its own, else the sum of its tests' durations. */
class FileTimes {
  readonly #processes = new Map<string, number>();
  readonly #tests = new Map<string, number>();

  take({ type, data }: TestEvent): void {
    // Suites shared by several files are defined elsewhere; their duration is part of the file's process.
    if (type !== "test:complete" || data.nesting > 0 || data.file?.endsWith(".test.ts") !== true) return;
    const { duration_ms: ms } = data.details;
    if (isFile(data)) this.#processes.set(data.file, ms);
    else this.#tests.set(data.file, (this.#tests.get(data.file) ?? 0) + ms);
  }

  slowest(count: number): [file: string, ms: number][] {
    const all = [...new Map([...this.#tests, ...this.#processes])];
    return all.toSorted(([, one], [, other]) => other - one).slice(0, count);
  }
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function isContainer(event: Ended): boolean {
  return event.details.type === "suite" || isFile(event);
}

/** The event of a test file's process, which has the file's name. */
function isFile({ name, file }: { readonly name: string; readonly file?: string }): boolean {
  return name === file;
}

/** The test's own error, which the runner wraps in one of its own. */
function failureTypeOf({ details }: EventData.TestFail): unknown {
  return "failureType" in details.error ? details.error.failureType : undefined;
}

function causeOf({ details }: EventData.TestFail): Error {
  return details.error.cause instanceof Error ? details.error.cause : details.error;
}
