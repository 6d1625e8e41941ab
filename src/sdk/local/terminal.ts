/** Asks questions on the terminal. */

/** The last question of any run in this process. */
let previous: Promise<unknown> = Promise.resolve();

/** Resolves to the typed line. One question at a time: several open ones would all read the same line. */
export function askOnTerminal(question: string, signal: AbortSignal): Promise<string> {
  const answer = previous.then(() => ask(question, signal));
  previous = answer.catch(() => undefined);
  return answer;
}

async function ask(question: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const { createInterface } = await import("node:readline/promises");
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return await terminal.question(question, { signal });
  } finally {
    terminal.close();
  }
}
