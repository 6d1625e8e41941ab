/** Reports: an HTML page that a task writes about itself, in tabs. */
import type { ActiveContext } from "./active-context.ts";
import { activeContext } from "./context.ts";

const MAIN = "main";

/** An HTML page that a task writes about itself, in tabs; for tasks with `report: true`. */
export const report = {
  /** Appends HTML to a tab, made at its first use. */
  log(html: string, tab: string = MAIN): void {
    const { tabs } = activeContext("flyte.report").report;
    const parts = tabs.get(tab);
    if (parts === undefined) tabs.set(tab, [html]);
    else parts.push(html);
  },
  /** Replaces all of a tab. */
  replace(html: string, tab: string = MAIN): void {
    activeContext("flyte.report").report.tabs.set(tab, [html]);
  },
  /** Publishes the current report; it is also published when the task ends. */
  async flush(): Promise<void> {
    await publishReport(activeContext("flyte.report"));
  },
};

/** Does nothing for a task without a report. */
export async function publishReport(context: ActiveContext): Promise<void> {
  const { tabs } = context.report;
  if (tabs.size > 0) await context.controller.saveReport(renderReport(tabs), context);
}

function renderReport(tabs: ReadonlyMap<string, readonly string[]>): string {
  const names = [...tabs.keys()];
  const inputs = names.map(
    (name, index) =>
      `<input type="radio" name="tab" id="tab${index}"${index === 0 ? " checked" : ""}><label for="tab${index}">${escapeHtml(name)}</label>`,
  );
  const sections = names.map(
    (name, index) => `<section id="s${index}">${(tabs.get(name) ?? []).join("\n")}</section>`,
  );
  const rules = names.map((_, index) => `#tab${index}:checked~#s${index}{display:block}`).join("");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Report</title><style>
body{font:15px/1.5 system-ui,sans-serif;margin:1.5rem}section{display:none;padding-top:1rem}
input[name=tab]{position:absolute;opacity:0}label{padding:.4rem .8rem;border-bottom:2px solid transparent;cursor:pointer}
input:checked+label{border-color:currentColor}input:focus-visible+label{outline:2px solid}
${names.length < 2 ? "label{display:none}" : ""}${rules}
</style></head><body>
${inputs.join("\n")}
${sections.join("\n")}
</body></html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
