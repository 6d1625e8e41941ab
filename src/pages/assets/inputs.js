/** The inputs of an action beside its name; the server and the script write them alike. */
const MAX_LENGTH = 120;

/** `(x=3, data="s3://…")`: the varying ones first. Empty without inputs. */
export function inputsText(inputs, varying) {
  if (inputs.length === 0) return "";
  const ordered = [
    ...inputs.filter(([name]) => varying.has(name)),
    ...inputs.filter(([name]) => !varying.has(name)),
  ];
  const text = ordered.map(([name, value]) => `${name}=${value}`).join(", ");
  return text.length <= MAX_LENGTH ? `(${text})` : `(${text.slice(0, MAX_LENGTH).toWellFormed()}…)`;
}

/** Finds, call by call, which inputs of each task vary. */
export function createVarying() {
  const first = new Map();
  const varying = new Map();
  return {
    /** Whether the order of the inputs of this task has changed. */
    add(task, inputs) {
      if (!first.has(task)) {
        first.set(task, new Map(inputs));
        varying.set(task, new Set());
        return true;
      }
      const { size } = varying.get(task);
      for (const [name, value] of inputs)
        if (first.get(task).get(name) !== value) varying.get(task).add(name);
      return varying.get(task).size > size;
    },
    of: (task) => varying.get(task) ?? new Set(),
  };
}

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
