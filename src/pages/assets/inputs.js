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
    add(task, inputs) {
      const known = first.get(task);
      if (known === undefined) {
        first.set(task, new Map(inputs));
        varying.set(task, new Set());
        return;
      }
      for (const [name, value] of inputs) if (known.get(name) !== value) varying.get(task).add(name);
    },
    /** Their names. */
    of: (task) => varying.get(task) ?? new Set(),
  };
}
