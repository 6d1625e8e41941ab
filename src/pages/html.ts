/**
 * Text into HTML. Whatever is put into a template is escaped, unless a template made it: so what a task
 * printed, named or returned stays text wherever it is shown.
 */
export type Child = Html | string | number | undefined | false | readonly Child[];

export class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** Values are escaped for text and for attributes in double quotes; they may stand nowhere else. */
export function html(strings: TemplateStringsArray, ...values: readonly Child[]): Html {
  let text = strings[0] ?? "";
  values.forEach((value, index) => (text += render(value) + (strings[index + 1] ?? "")));
  return new Html(text);
}

export const NOTHING: Html = new Html("");

function render(value: Child): string {
  if (value === undefined || value === false) return "";
  if (value instanceof Html) return value.toString();
  if (typeof value === "string" || typeof value === "number") return escape(String(value));
  return value.map(render).join("");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  // Of a bare one a parser makes a line feed.
  "\r": "&#13;",
};

function escape(text: string): string {
  // HTML allows no NUL.
  return text.replaceAll("\0", "\u2400").replaceAll(/[&<>"'\r]/gu, (character) => ESCAPES[character] ?? "");
}
