/** The exception that ended a program, as its traceback in the log shows it. */

export interface Raised {
  /** The class, without its module: `SystemExit`. */
  readonly name: string;
  readonly message: string;
  /** `tasks.py:9, in leave`: where it was raised. */
  readonly at: string | undefined;
}

const MAX_MESSAGE_CHARS = 600;
/** What follows: more of the message, frames, output of the other stream. A traceback further up was not the end. */
const MOST_LINES_AFTER = 40;
/** Frames of a traceback are indented; so are the marks below them, and Python's groups of exceptions. */
const INDENTED = /^\s|^$/u;
const TRACEBACK = /traceback \(most recent call last\):$/iu;
const FRAME = /^\s+File "([^"]+)", line (\d+)(?:, in (\S+))?/u;
/** `concurrent.futures.process.BrokenProcessPool: …`, or the class alone. */
const EXCEPTION = /^((?:[\p{L}_][\p{L}\p{N}_]*\.)*[\p{L}_][\p{L}\p{N}_]*)(?:: (.*))?$/su;
/** Of Node, which prints the source line before it and the frames behind it. */
const NODE_ERROR = /^(?:Uncaught )?((?:[\w$]+\.)*[\w$]*(?:Error|Exception))(?: \[\w+\])?(?:: (.*))?$/u;
const NODE_FRAME = /^\s*at (?:(?:async )?(\S+) \()?(?:file:\/\/)?([^()\s]+?):(\d+):\d+\)?$/u;

/** Undefined where the log has no traceback. */
export function raisedIn(log: readonly string[]): Raised | undefined {
  return raisedInPython(log) ?? raisedInNode(log);
}

function raisedInPython(log: readonly string[]): Raised | undefined {
  const begin = log.findLastIndex((line) => TRACEBACK.test(line));
  if (begin === -1) return undefined;
  const end = log.findIndex((line, index) => index > begin && !INDENTED.test(line));
  const [, qualified, message = ""] = EXCEPTION.exec(log[end] ?? "") ?? [];
  if (qualified === undefined || log.length - end > MOST_LINES_AFTER) return undefined;
  const frame = log.slice(0, end).findLast((line) => FRAME.test(line));
  const [, file, line, inside] = FRAME.exec(frame ?? "") ?? [];
  return {
    name: qualified.split(".").at(-1) ?? qualified,
    message: message.slice(0, MAX_MESSAGE_CHARS),
    at: file === undefined ? undefined : locationOf(file, line, inside),
  };
}

function raisedInNode(log: readonly string[]): Raised | undefined {
  const first = log.findLastIndex(
    (line, index) => NODE_ERROR.test(line) && /^\s+at /u.test(log[index + 1] ?? ""),
  );
  const [, qualified, message = ""] = NODE_ERROR.exec(log[first] ?? "") ?? [];
  if (qualified === undefined || log.length - first > MOST_LINES_AFTER) return undefined;
  return {
    name: qualified.split(".").at(-1) ?? qualified,
    message: message.slice(0, MAX_MESSAGE_CHARS),
    at: locationOfFrame(log[first + 1] ?? ""),
  };
}

/** `flow.ts:3, in main`, of a line of a stack of Node. */
export function locationOfFrame(frame: string): string | undefined {
  const [, inside, file, line] = NODE_FRAME.exec(frame) ?? [];
  return file === undefined ? undefined : locationOf(file, line, inside);
}

function locationOf(file: string, line: string | undefined, inside: string | undefined): string {
  return `${file.split("/").at(-1)}:${line}${inside === undefined ? "" : `, in ${inside}`}`;
}

export function textOfRaised({ name, message }: Raised): string {
  return message === "" ? name : `${name}: ${message}`;
}
