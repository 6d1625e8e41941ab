/** Reads the inputs of rows when they come into view: a run may have thousands, and few are ever seen. */

/** Rows asked for in one request. */
const MAX_ROWS = 50;
const PAUSE_MS = 80;
const RETRY_MS = 5_000;

/**
 * Reads the inputs of rows when they are shown. `address(names)` is where they are; `received(name, inputs)` is called
 * for each, `done()` after each answer. Returns what to call with the rows in view.
 */
export function createInputsReader(address, { received, done }) {
  const asked = new Set();
  let wanted = [];
  let timer;
  const read = async () => {
    const names = wanted.filter((name) => !asked.has(name)).slice(0, MAX_ROWS);
    timer = undefined;
    if (names.length === 0) return;
    for (const name of names) asked.add(name);
    try {
      const response = await fetch(address(names));
      if (!response.ok) throw new Error(`status ${response.status}`);
      for (const [name, inputs] of Object.entries(await response.json())) received(name, inputs);
      done();
    } catch {
      // Shown without until then.
      setTimeout(() => names.forEach((name) => asked.delete(name)), RETRY_MS);
    }
  };
  return (names) => {
    wanted = names;
    if (names.some((name) => !asked.has(name))) timer ??= setTimeout(read, PAUSE_MS);
  };
}
