/** The run page alive: one connection feeds the heading, the tree, the chosen action and its log. */
import { createInputsReader } from "./inputs-reader.js";
import { createLogView } from "./log.js";
import { replaceSection } from "./sections.js";
import { openStream } from "./stream.js";
import { localise, setServerTime } from "./times.js";
import { createTreeModel, ROOT } from "./tree-model.js";
import { createTreeView } from "./tree.js";

const runPath = document.body.dataset.run;
const byId = (id) => document.getElementById(id);

const detail = byId("detail");
const connection = byId("connection");
let chosen = placeOfAddress();
const log = createLogView({
  addressOf({ attempt, part }) {
    const query = new URLSearchParams({ i: chosen.action, attempt });
    return `${runPath}?${query}&${part}#log-head`;
  },
  catchUp: () => connect(),
});
const model = createTreeModel();
const filter = { search: "", phases: new Set() };
const tree = createTreeView(byId("tree"), {
  onChoose: (name) => goTo(name),
  onToggle: (key, open) => {
    model.setOpen(key, open);
    showTree();
  },
  onView: (actions) => readInputs(actions.filter(({ hasInputs }) => hasInputs).map(({ name }) => name)),
  inputsOf: (action) => model.inputsOf(action),
});
const readInputs = createInputsReader(
  (names) => `${runPath}/inputs?${new URLSearchParams(names.map((name) => ["i", name]))}`,
  { received: model.addInputs, done: () => tree.refresh() },
);

let cursor = 0;
let stopStream;
let isEnded = false;
let isRevealed = false;

function placeOfAddress() {
  const query = new URLSearchParams(location.search);
  const name = query.get("i") ?? ROOT;
  return { action: name === "" || name.includes("::") ? ROOT : name, attempt: query.get("attempt") };
}

function addressOf({ action, attempt }, more = {}) {
  const query = new URLSearchParams(more);
  if (action !== ROOT) query.set("i", action);
  if (attempt !== null) query.set("attempt", attempt);
  return query.size === 0 ? "" : `?${query}`;
}

function goTo(action, attempt = null) {
  history.pushState(null, "", runPath + addressOf({ action, attempt }));
  show();
  // Side by side nothing moves; one below the other, what was asked for comes into view.
  if (detail.getBoundingClientRect().top > innerHeight * 0.8) detail.scrollIntoView();
}

/** Shows what the address names. */
function show() {
  chosen = placeOfAddress();
  log.clear();
  replaceSection("log-state", '<p class="quiet">The log is being loaded.</p>');
  detail.setAttribute("aria-busy", "true");
  tree.select(chosen.action);
  connect();
}

function connect() {
  stopStream?.();
  isEnded = false;
  const address = () => {
    const { seen } = log;
    const logSeen = seen === undefined ? { log: "none" } : { log: seen.attempt, at: seen.next };
    return `${runPath}/stream${addressOf(chosen, { after: cursor, ...logSeen })}`;
  };
  stopStream = openStream(address, { message, state });
}

function state(name) {
  // Leads to where people sign in, and back from there.
  if (name === "signed-out") return location.reload();
  isEnded = name === "ended";
  connection.dataset.state = name;
  const texts = {
    live: "Live",
    lost: "Connection lost, trying again",
    gone: "The server no longer has this run",
    ended: "",
  };
  if (connection.textContent !== texts[name]) connection.textContent = texts[name];
}

function message(received) {
  switch (received.type) {
    case "hello":
      setServerTime(received.now);
      break;
    case "actions":
      cursor = received.cursor;
      model.add(received.rows);
      showTree();
      revealOnce();
      break;
    case "action":
      byId("log-pane").hidden = !received.hasLog;
      detail.removeAttribute("aria-busy");
      break;
    case "section":
      replaceSection(received.id, received.html);
      break;
    case "log":
      log.append(received);
      break;
    default:
  }
}

/** A link may name an action deep in the tree. */
function revealOnce() {
  if (isRevealed || !model.actions.has(chosen.action)) return;
  isRevealed = true;
  model.reveal(chosen.action);
  showTree();
  tree.reveal(chosen.action);
}

function showTree() {
  tree.show(model.rows(filter));
  showCounts();
}

/** One button per phase that occurs: how many, and a filter. */
function showCounts() {
  const counts = model.counts();
  byId("action-count").textContent = model.actions.size.toLocaleString();
  const bar = byId("tree-phases");
  bar.hidden = counts.size < 2 && filter.phases.size === 0;
  for (const [phase, count] of counts) {
    const button = bar.querySelector(`[data-phase="${phase}"]`) ?? newPhaseButton(bar, phase);
    const text = `${phase.replaceAll("_", " ")} ${count.toLocaleString()}`;
    if (button.textContent !== text) button.textContent = text;
  }
  for (const button of bar.children)
    button.hidden = !counts.has(button.dataset.phase) && !filter.phases.has(button.dataset.phase);
}

function newPhaseButton(bar, phase) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "phase";
  button.dataset.phase = phase;
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    if (!filter.phases.delete(phase)) filter.phases.add(phase);
    button.setAttribute("aria-pressed", String(filter.phases.has(phase)));
    showTree();
    tree.toTop();
  });
  bar.append(button);
  return button;
}

byId("tree-search").addEventListener("input", (event) => {
  filter.search = event.target.value.trim();
  showTree();
  tree.toTop();
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-action]");
  if (link === null || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
    return;
  event.preventDefault();
  goTo(link.dataset.action, link.dataset.attempt ?? null);
  model.reveal(link.dataset.action);
  showTree();
  tree.reveal(link.dataset.action);
  if (link.hash !== "") byId(link.hash.slice(1))?.scrollIntoView();
});

document.addEventListener("submit", (event) => {
  addFormToken(event.target);
  if (!event.target.matches("form.abort")) return;
  if (!confirm(`${event.target.textContent.trim()}? What it has done stays; what it is doing is ended.`))
    event.preventDefault();
});

/** Forms that came after the page have no field of this page's session yet: src/pages/viewer.ts. */
function addFormToken(form) {
  const { formToken } = document.body.dataset;
  if (formToken === undefined || form.elements.namedItem("form-token") !== null) return;
  const field = document.createElement("input");
  Object.assign(field, { type: "hidden", name: "form-token", value: formToken });
  form.append(field);
}

// A part of the log comes with its page only.
addEventListener("popstate", () =>
  /[?&](?:from|until)=/u.test(location.search) ? location.reload() : show(),
);

// A browser allows few connections to one server: hidden tabs close theirs.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) stopStream?.();
  else if (!isEnded) connect();
});

// The bars of what still runs grow.
setInterval(() => isEnded || tree.refresh(), 2_000);

localise(document);
tree.select(chosen.action);
connect();
