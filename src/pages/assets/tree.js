/**
 * The tree of actions on the page. Only the rows in view are in the document, so that thousands are as
 * light as ten. The tree itself has the focus and names its active row (aria-activedescendant).
 */
import { formatDuration } from "./duration.js";
import { serverNow } from "./times.js";

/** Rows kept above and below the view. */
const MARGIN_ROWS = 8;

/**
 * `onChoose(name)` for an action, `onToggle(key, open)` for a row with something below it, `onView(actions)` with the
 * actions in view, `inputsOf(action)` for the text beside its name.
 */
export function createTreeView(tree, { onChoose, onToggle, onView, inputsOf }) {
  const space = document.createElement("div");
  space.className = "tree-space";
  space.setAttribute("role", "none");
  tree.append(space);
  const elements = new Map();
  let rows = [];
  let active;
  let selected;
  let frame;

  const rowHeight = () => Number.parseFloat(getComputedStyle(space).lineHeight) || 32;
  const indexOf = (key) => rows.findIndex(({ node }) => node.key === key);

  function paint() {
    frame = undefined;
    const height = rowHeight();
    space.style.height = `${rows.length * height}px`;
    const first = Math.max(0, Math.floor(tree.scrollTop / height) - MARGIN_ROWS);
    const last = Math.min(
      rows.length,
      Math.ceil((tree.scrollTop + tree.clientHeight) / height) + MARGIN_ROWS,
    );
    const span = spanOf(rows[0]?.node);
    const stale = new Set(elements.keys());
    rows.slice(first, last).forEach((row, offset) => {
      const { key } = row.node;
      stale.delete(key);
      let element = elements.get(key);
      if (element === undefined) {
        element = newRow();
        elements.set(key, element);
      }
      fill(element, row, span, { active: key === active, selected: key === selected }, inputsOf);
      element.style.top = `${(first + offset) * height}px`;
      // In the order of the tree for those who read the document.
      const there = space.children[offset];
      if (there !== element) space.insertBefore(element, there ?? null);
    });
    for (const key of stale) {
      elements.get(key).remove();
      elements.delete(key);
    }
    onView(rows.slice(first, last).flatMap(({ node }) => node.action ?? []));
    const element = elements.get(active);
    if (element === undefined) tree.removeAttribute("aria-activedescendant");
    else tree.setAttribute("aria-activedescendant", element.id);
  }

  function repaint() {
    frame ??= requestAnimationFrame(paint);
  }

  function activate(index) {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (row === undefined) return;
    active = row.node.key;
    scrollTo(indexOf(active));
    paint();
  }

  function scrollTo(index) {
    const height = rowHeight();
    const top = index * height;
    if (top < tree.scrollTop) tree.scrollTop = top;
    else if (top + height > tree.scrollTop + tree.clientHeight)
      tree.scrollTop = top + height - tree.clientHeight;
  }

  function choose(row) {
    if (row.node.action === undefined) onToggle(row.node.key, !row.open);
    else onChoose(row.node.key);
  }

  tree.addEventListener("scroll", repaint, { passive: true });
  new ResizeObserver(repaint).observe(tree);
  tree.addEventListener("click", (event) => {
    const element = event.target.closest("[role=treeitem]");
    const row = rows.find(({ node }) => elements.get(node.key) === element);
    if (row === undefined) return;
    active = row.node.key;
    if (event.target.closest(".twist") !== null && row.open !== undefined) onToggle(active, !row.open);
    else choose(row);
    repaint();
  });
  tree.addEventListener("focus", () => {
    if (indexOf(active) < 0) active = selected;
    repaint();
  });
  tree.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const index = indexOf(active);
    const row = rows[index];
    const page = Math.max(1, Math.floor(tree.clientHeight / rowHeight()) - 1);
    const keys = {
      ArrowDown: () => activate(index + 1),
      ArrowUp: () => activate(index - 1),
      PageDown: () => activate(index + page),
      PageUp: () => activate(index - page),
      Home: () => activate(0),
      End: () => activate(rows.length - 1),
      ArrowRight: () => (row?.open === false ? onToggle(active, true) : row?.open && activate(index + 1)),
      ArrowLeft: () =>
        row?.open
          ? onToggle(active, false)
          : row?.node.above !== undefined && activate(indexOf(row.node.above)),
      Enter: () => row && choose(row),
      " ": () => row && choose(row),
    };
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });

  return {
    show(newRows) {
      rows = newRows;
      repaint();
    },
    /** Draws what time alone changes. */
    refresh: repaint,
    toTop() {
      tree.scrollTop = 0;
    },
    select(key) {
      selected = key;
      active = key;
      repaint();
    },
    reveal(key) {
      const index = indexOf(key);
      // Rows that are not laid out yet cannot be scrolled to.
      paint();
      if (index >= 0) scrollTo(index);
      repaint();
    },
  };
}

let rowNumber = 0;

function newRow() {
  const row = document.createElement("div");
  row.className = "row";
  row.id = `row-${rowNumber++}`;
  row.setAttribute("role", "treeitem");
  for (const name of ["twist", "phase bare", "label", "inputs", "tag", "duration", "bar"]) {
    const part = document.createElement("span");
    part.className = name;
    row.append(part);
  }
  row.querySelector(".bar").append(document.createElement("span"));
  return row;
}

function fill(element, { node, level, position, size, open }, span, state, inputsOf) {
  const { action } = node;
  const from = action?.from ?? node.from;
  const to = action === undefined ? (node.to ?? undefined) : action.to;
  const [twist, phase, label, inputs, tag, duration, bar] = element.children;
  const beside = action === undefined ? "" : (action.asks ?? inputsOf(action));
  setAttributes(element, {
    "aria-level": level,
    "aria-posinset": position,
    "aria-setsize": size,
    "aria-expanded": open,
    "aria-selected": action === undefined ? undefined : state.selected,
    "data-active": state.active || undefined,
    title: action === undefined ? node.label : `${node.label}${beside}\n${node.key}`,
  });
  element.style.setProperty("--level", Math.min(level, 12));
  setText(twist, open === undefined ? "" : open ? "▾" : "▸");
  twist.setAttribute("aria-hidden", "true");
  phase.dataset.phase = node.phase;
  setText(phase, node.phase.replaceAll("_", " "));
  setText(label, node.label);
  setText(inputs, beside);
  setText(tag, action === undefined ? `${node.below.length}` : (action.tags ?? []).join(" · "));
  const waits = action?.waits === true;
  setText(duration, waits ? "" : formatDuration((to ?? serverNow()) - from));
  if (to === undefined && !waits) duration.dataset.from = from;
  else delete duration.dataset.from;
  const length = Math.max(1, (span.to ?? serverNow()) - span.from);
  bar.firstChild.style.left = `${percent((from - span.from) / length)}%`;
  bar.firstChild.style.width = `${percent(((to ?? serverNow()) - from) / length)}%`;
}

/** The run from its beginning to its end, or to now. */
function spanOf(node) {
  return { from: node?.action?.from ?? serverNow(), to: node?.action?.to };
}

function percent(part) {
  return Math.max(0, Math.min(100, part * 100)).toFixed(2);
}

function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
