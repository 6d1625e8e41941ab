/** Quotes users' text for a Containerfile and for the shell of its steps. */
import { BoxkiteError } from "../domain/errors.ts";

/** A shell word for exactly this text. */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * A shell word in which only these variables expand: a package URL may name the variable that holds its secret
 * (`git+https://$TOKEN@…`); everything else is literal.
 */
export function shellWordWith(text: string, variables: readonly string[]): string {
  const names = variables.filter((name) => new RegExp(`\\$(${name}\\b|\\{${name}\\})`).test(text));
  if (names.length === 0) return shellWord(text);
  const kept = new RegExp(`\\$(?!(?:${names.join("|")})\\b|\\{(?:${names.join("|")})\\})`, "g");
  return `"${text.replace(/[\\"`]/g, "\\$&").replace(kept, "\\$$")}"`;
}

/** Shell text of the user, in one line. Throws INVALID_ARGUMENT for a here-document, which a builder would read itself. */
export function shellArguments(text: string): string {
  if (text.includes("<<")) {
    throw new BoxkiteError("INVALID_ARGUMENT", `the arguments ${JSON.stringify(text)} hold a here-document`, {
      hint: "Put the text into a file and add it with .with_source_file(...).",
    });
  }
  return text.trim().replace(/\s*[\r\n]+\s*/g, " ");
}

/** A value of ENV. `$NAME` expands and `\$` is a dollar sign, as in any Containerfile; the rest is literal. */
export function envValue(name: string, value: string): string {
  refuseLineBreak(value, `environment variable ${name}`);
  return `"${value.replace(/\\(?!\$)/g, "\\\\").replaceAll('"', '\\"')}"`;
}

/** Sources of COPY are patterns; a user's path is none, so it is escaped. */
export function copyPattern(path: string): string {
  return path.replace(/[[*?]/g, "[$&]");
}

/** The arguments of COPY or ADD: plain where they can be, a JSON list where a space would split them. */
export function copyArguments(source: string, destination: string): string {
  refuseLineBreak(destination, `destination ${destination}`);
  const plain = [source, destination].every((path) => /^[^\s"'\\[]+$/.test(path));
  return plain ? `${source} ${destination}` : JSON.stringify([source, destination]);
}

export function refuseLineBreak(text: string, what: string): void {
  if (!/[\r\n\0]/.test(text)) return;
  throw new BoxkiteError("INVALID_ARGUMENT", `${what} holds a line break, which an image cannot keep`, {
    hint: "Put the text into a file and add it with .with_source_file(...).",
  });
}

/** Throws INVALID_ARGUMENT for an invalid name of a variable. */
export function envName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) return name;
  throw new BoxkiteError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(name)} is not a name of an environment variable`,
    { hint: "write letters, digits and '_', with no digit first" },
  );
}
