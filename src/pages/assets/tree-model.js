/**
 * The actions of a run as a tree: what belongs below what, and which rows are shown. Groups are rows of
 * their own between a parent and those of its children that carry their name.
 */
import { createVarying, inputsText } from "./inputs.js";

const LIVE = ["queued", "waiting_for_resources", "initializing", "running", "paused"];
const BAD = ["failed", "timed_out", "aborted"];
/** Beyond this, what is below a row is shown only when it is asked for. */
const MANY = 100;
/** The action that stands for the run itself; domain/ids.ts has it, too. */
export const ROOT = "a0";

export function createTreeModel() {
  const actions = new Map();
  const inputs = new Map();
  const varying = createVarying();
  const inputsOf = ({ name, label }) => inputsText(inputs.get(name) ?? [], varying.of(label));
  /** The reader's choice by row; without one, see `isOpen`. */
  const chosen = new Map();
  let nodes;

  return {
    actions,
    add(rows) {
      for (const row of rows) actions.set(row.name, row);
      nodes = undefined;
    },
    /** What is shown beside the name of an action; empty until its inputs were read. */
    inputsOf,
    addInputs(name, read) {
      inputs.set(name, read);
      varying.add(actions.get(name)?.label, read);
    },
    setOpen: (key, open) => chosen.set(key, open),
    /** Opens what is above an action. */
    reveal(name) {
      nodes ??= nodesOf(actions);
      for (let node = nodes.get(name); node?.above !== undefined; node = nodes.get(node.above))
        chosen.set(node.above, true);
    },
    counts() {
      const counts = new Map();
      for (const { phase } of actions.values()) counts.set(phase, (counts.get(phase) ?? 0) + 1);
      return counts;
    },
    rows(filter) {
      nodes ??= nodesOf(actions);
      return visibleRows(nodes, chosen, filter, inputsOf);
    },
  };
}

function nodesOf(actions) {
  const nodes = new Map();
  const tops = [];
  const ordered = [...actions.values()].sort((a, b) => a.id - b.id);
  for (const action of ordered)
    nodes.set(action.name, { key: action.name, action, label: action.label, phase: action.phase, below: [] });
  for (const action of ordered) {
    const node = nodes.get(action.name);
    // Children may arrive before their parent.
    const parent = nodes.get(action.parent) ?? (action.name === ROOT ? undefined : nodes.get(ROOT));
    if (parent === undefined) tops.push(node.key);
    else place(nodes, action.group === undefined ? parent : groupIn(nodes, parent, action.group), node);
  }
  nodes.tops = tops;
  return nodes;
}

function place(nodes, above, node) {
  node.above = above.key;
  above.below.push(node.key);
  if (above.action !== undefined) return;
  const { from, to } = node.action;
  above.from = Math.min(above.from ?? from, from);
  above.to = above.to === null || to === undefined ? null : Math.max(above.to ?? to, to);
  above.phase = above.below.length === 1 ? node.phase : worse(above.phase, node.phase);
}

function groupIn(nodes, parent, label) {
  const key = `${parent.key}::${label}`;
  let group = nodes.get(key);
  if (group === undefined) {
    group = { key, label, below: [] };
    nodes.set(key, group);
    group.above = parent.key;
    parent.below.push(key);
  }
  return group;
}

/** A group is at work while one of it is, and otherwise as well as the worst of it. */
function worse(a, b) {
  for (const kind of [LIVE, BAD]) {
    if (kind.includes(a)) return a;
    if (kind.includes(b)) return b;
  }
  return b;
}

function visibleRows(nodes, chosen, { search, phases }, inputsOf) {
  const isFiltered = search !== "" || phases.size > 0;
  const shown = isFiltered ? matching(nodes, search, phases, inputsOf) : undefined;
  const rows = [];
  // A stack instead of recursion: how deep actions nest is up to the program.
  const stack = [{ keys: nodes.tops, level: 1, at: 0 }];
  while (stack.length > 0) {
    const top = stack.at(-1);
    if (top.at === top.keys.length) {
      stack.pop();
      continue;
    }
    const key = top.keys[top.at++];
    const node = nodes.get(key);
    const below = shown === undefined ? node.below : node.below.filter((one) => shown.has(one));
    const open = isFiltered || isOpen(node, chosen);
    rows.push({
      node,
      level: top.level,
      position: top.at,
      size: top.keys.length,
      open: below.length > 0 ? open : undefined,
    });
    if (open && below.length > 0) stack.push({ keys: below, level: top.level + 1, at: 0 });
  }
  return rows;
}

function isOpen(node, chosen) {
  return chosen.get(node.key) ?? (node.key === ROOT || node.below.length <= MANY);
}

/** What matches, and what is above it. */
function matching(nodes, search, phases, inputsOf) {
  const wanted = search.toLowerCase();
  const found = new Set();
  for (const { key, action } of nodes.values()) {
    if (action === undefined || (phases.size > 0 && !phases.has(action.phase))) continue;
    const text = `${action.label}${inputsOf(action)} ${action.name} ${action.group ?? ""} ${action.asks ?? ""}`;
    if (!text.toLowerCase().includes(wanted)) continue;
    for (let one = key; one !== undefined && !found.has(one); one = nodes.get(one).above) found.add(one);
  }
  return found;
}
