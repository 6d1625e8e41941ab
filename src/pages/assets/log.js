/** The log on the page: the newest lines, each with its time and stream. Text only ever goes in as text. */
const MOST_LINES = 3_000;
const NAMES = { o: "stdout", e: "stderr", s: "system" };

export function createLogView(log, note, follow) {
  let attempt = 0;
  let next = 0;

  const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;

  function clear() {
    log.replaceChildren();
    attempt = 0;
    next = 0;
    note.textContent = "";
  }

  // Scrolling away stops following, scrolling back takes it up.
  log.addEventListener("scroll", () => {
    follow.checked = isAtEnd();
  });
  follow.addEventListener("change", () => {
    if (follow.checked) log.scrollTop = log.scrollHeight;
  });
  for (const box of document.querySelectorAll("[data-stream]")) {
    box.addEventListener("change", () => log.classList.toggle(`without-${box.dataset.stream}`, !box.checked));
  }

  return {
    /** What a new connection has to know to go on. */
    get seen() {
      return { attempt, next };
    },
    clear,
    append(batch) {
      if (batch.attempt !== attempt) {
        clear();
        attempt = batch.attempt;
      }
      const fresh = batch.lines.slice(Math.max(0, next - batch.from));
      if (fresh.length === 0) return;
      const parts = fresh.map(lineElement);
      if (batch.from > next) parts.unshift(gapElement(batch.from - next));
      next = batch.from + batch.lines.length;
      log.append(...parts);
      while (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
      const left = next - log.querySelectorAll(".line").length;
      note.textContent =
        left > 0
          ? `The last ${(next - left).toLocaleString()} of ${next.toLocaleString()} lines; “Whole log as text” has all.`
          : "";
      if (follow.checked) log.scrollTop = log.scrollHeight;
    },
  };
}

function lineElement([atMs, stream, text]) {
  const line = document.createElement("div");
  line.className = `line ${NAMES[stream]}`;
  const time = document.createElement("time");
  const at = new Date(atMs);
  time.dateTime = at.toISOString();
  time.title = time.dateTime;
  time.textContent = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  const source = document.createElement("span");
  source.className = "source";
  source.textContent = NAMES[stream];
  const content = document.createElement("span");
  content.className = "content";
  content.textContent = text;
  line.append(time, " ", source, " ", content);
  return line;
}

function gapElement(count) {
  const gap = document.createElement("div");
  gap.className = "gap";
  gap.textContent = `… ${count.toLocaleString()} lines are not shown here`;
  return gap;
}

function two(number) {
  return String(number).padStart(2, "0");
}
