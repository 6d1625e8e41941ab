/** What an ENTRYPOINT does with the arguments that the task is started with. */

const SHELL = /(?:^|\/)(?:sh|ash|bash|dash|zsh|ksh|busybox)$/u;
const SCRIPT_OPTION = /^-[a-z]*c$/u;
const REST = /\$[@*]|\$\{[@*]\}/u;
const FIRST = /\$0|\$\{0\}/u;

/**
 * Is it a shell with `-c` that does not see, or does not use, all that follows it? `-c` takes one word as its
 * script; the next one is `$0` there, and only those after it are `$@`.
 */
export function dropsArguments(entrypoint: readonly string[]): boolean {
  const shell = entrypoint.findIndex((word) => SHELL.test(word));
  if (shell === -1) return false;
  const option = entrypoint.findIndex((word, index) => index > shell && SCRIPT_OPTION.test(word));
  if (option === -1) return false;
  const [script, name] = entrypoint.slice(option + 1);
  if (script === undefined || !REST.test(script)) return true;
  return name === undefined && !FIRST.test(script);
}

/** As in a Dockerfile. */
export function textOfEntrypoint(entrypoint: readonly string[]): string {
  return `ENTRYPOINT [${entrypoint.map((word) => JSON.stringify(shortenWord(word))).join(",")}]`;
}

const MAX_WORD_CHARS = 120;

function shortenWord(word: string): string {
  return word.length <= MAX_WORD_CHARS ? word : `${word.slice(0, MAX_WORD_CHARS)}…`;
}
