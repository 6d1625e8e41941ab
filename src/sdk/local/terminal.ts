/** Questions to the person at the terminal. */
/** Of all runs in this process. */
let previous: Promise<unknown> = Promise.resolve();

/** The line that is typed. One question at a time: open together, all of them would take the same line. */
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
