/**
 * The log on the page: its end, without gaps, each line with its time and stream. Text only ever goes in as text.
 * The page comes with the lines that there were; other parts of the log than its end stay as they came.
 */
import { logNote } from "./log-note.js";
import { localise } from "./times.js";

const MOST_LINES = 3_000;
const NAMES = { o: "stdout", e: "stderr", s: "system" };
const byId = (id) => document.getElementById(id);

/** `addressOf({ attempt, part })`: of a page with another part of the log. `catchUp()`: asks again for what is newer. */
export function createLogView({ addressOf, catchUp }) {
  const log = byId("log");
  const lines = byId("log-lines");
  const note = byId("log-note");
  const follow = byId("log-follow");
  let attempt = Number(log.dataset.attempt);
  let next = Number(log.dataset.end);
  let isPart = log.dataset.part !== undefined;
  // Newer lines were left out, because the reader is at others that would have had to go.
  let isBehind = false;

  const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const toEnd = () => (log.scrollTop = log.scrollHeight);

  function catchUpIfFollowed() {
    if (!isBehind || !follow.checked) return;
    isBehind = false;
    catchUp();
  }

  /** Must lines go for these? */
  const replaces = ({ start, lines: more }) =>
    start !== next || lines.childElementCount + more.length > MOST_LINES;

  function clear() {
    lines.replaceChildren();
    attempt = 0;
    next = 0;
    isPart = false;
    isBehind = false;
    showAround();
  }

  /** What is said of the lines, and the links to those that are not here. */
  function showAround() {
    byId("log-following").hidden = isPart;
    if (isPart) return;
    const start = Number(lines.firstElementChild?.dataset.at ?? 0);
    const isStart = start === 0;
    const said = logNote({ count: lines.childElementCount, isStart, isEnd: true, percent: 0 });
    note.textContent = isBehind
      ? "There are newer lines; they come when these are scrolled to their end"
      : said;
    for (const [id, part] of [
      ["log-first", "from=start"],
      ["log-before", `until=${start}`],
    ]) {
      byId(id).hidden = isStart;
      byId(id).href = addressOf({ attempt, part });
    }
    byId("log-after").hidden = true;
    byId("log-last").hidden = true;
  }

  // Scrolling away stops following, scrolling back takes it up.
  log.addEventListener("scroll", () => {
    follow.checked = isAtEnd();
    catchUpIfFollowed();
  });
  follow.addEventListener("change", () => {
    if (follow.checked) toEnd();
    catchUpIfFollowed();
  });
  for (const box of document.querySelectorAll("[data-stream]")) {
    box.addEventListener("change", () => log.classList.toggle(`without-${box.dataset.stream}`, !box.checked));
  }
  byId("log-filters").hidden = false;
  if (log.classList.contains("at-end")) {
    // Without a script it is the order of the boxes that begins at the end.
    log.classList.remove("at-end");
    toEnd();
  }
  showAround();

  return {
    /** What a new connection has to know to go on; undefined where the end is not shown. */
    get seen() {
      return isPart ? undefined : { attempt, next };
    },
    clear,
    append(batch) {
      if (batch.attempt === attempt && !follow.checked && (isBehind || replaces(batch))) {
        isBehind = true;
        return showAround();
      }
      // Lines are shown only next to those before them: what was left out between would not be seen to be missing.
      if (batch.attempt !== attempt || batch.start !== next) lines.replaceChildren();
      attempt = batch.attempt;
      next = batch.end;
      lines.append(...batch.lines.map(lineElement));
      while (lines.childElementCount > MOST_LINES) lines.firstElementChild.remove();
      showAround();
      if (follow.checked) toEnd();
      return undefined;
    },
  };
}

function lineElement([at, atMs, stream, text]) {
  const line = document.createElement("div");
  line.className = `line ${NAMES[stream]}`;
  line.dataset.at = at;
  const time = document.createElement("time");
  time.className = "clock";
  time.dateTime = new Date(atMs).toISOString();
  const source = document.createElement("span");
  source.className = "source";
  source.textContent = NAMES[stream];
  const content = document.createElement("span");
  content.className = "content";
  content.textContent = text;
  line.append(time, " ", source, " ", content);
  localise(line);
  return line;
}
