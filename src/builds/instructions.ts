/** The lines of a Containerfile, and the position of each instruction. */
import { BoxkiteError } from "../domain/errors.ts";

/** One instruction: builders report progress and failures by its number or by its line. */
export interface ContainerfileStep {
  readonly text: string;
  /** One line: what its author asked for, such as `pip install numpy`, instead of the script that does it. */
  readonly summary: string;
  readonly firstLine: number;
  readonly lastLine: number;
  /** The layer it was rendered from, counted from 1; undefined for what Boxkite itself adds. */
  readonly layer: number | undefined;
  /** "layer 2 (pip packages)" */
  readonly title: string;
}

const MAX_SUMMARY = 300;

/** The first line, and whether that is all. */
export function summaryOf(text: string): string {
  const [first = "", ...others] = text.trim().split(/\r?\n/);
  return others.length === 0 ? first : `${first.replace(/\s*\\$/, "")} …`;
}

export class Instructions {
  readonly #lines: string[] = [];
  readonly #steps: ContainerfileStep[] = [];
  #layer: number | undefined;
  #title: string;

  constructor(title: string) {
    this.#title = title;
  }

  /** Sets what the following instructions belong to. */
  begin(title: string, layer?: number): void {
    this.#title = title;
    this.#layer = layer;
  }

  #notOneInstruction(): BoxkiteError {
    return new BoxkiteError(
      "INVALID_ARGUMENT",
      `${this.#title}: a name or a value of it holds a line break or another control character, or ends with a backslash`,
      { hint: "Only commands may have several lines: .with_commands([...])." },
    );
  }

  get title(): string {
    return this.#title;
  }

  get steps(): readonly ContainerfileStep[] {
    return this.#steps;
  }

  get text(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  /** A comment after an empty line. */
  paragraph(comment: string): void {
    this.#lines.push("");
    this.comment(comment);
  }

  comment(text: string): void {
    this.#lines.push(`# ${text.replace(/[\r\n]/g, " ")}`);
  }

  /** Throws INVALID_ARGUMENT for a text that a builder would read as more than one instruction, or as a part of one. */
  add(text: string, summary = summaryOf(text)): void {
    const lines = text.split("\n");
    if (!isOneInstruction(lines)) throw this.#notOneInstruction();
    const firstLine = this.#lines.length + 1;
    this.#lines.push(...lines);
    this.#steps.push({
      text,
      summary: summary.length > MAX_SUMMARY ? `${summary.slice(0, MAX_SUMMARY)}…` : summary,
      firstLine,
      lastLine: this.#lines.length,
      layer: this.#layer,
      title: this.#title,
    });
  }
}

/**
 * Whether a builder reads these lines as one instruction. Text of users is quoted for the shell, where a line break
 * inside quotes is text; for a builder it ends the instruction, and what follows it would be the next one.
 */
function isOneInstruction(lines: readonly string[]): boolean {
  // eslint-disable-next-line no-control-regex -- They are what is searched.
  if (lines.some((line) => /[\0-\x08\x0A-\x1F\x7F]/.test(line))) return false;
  return lines.every((line, index) => /\\[ \t]*$/.test(line) === index < lines.length - 1);
}

/** Those that make a layer, as BuildKit counts them. */
export function layerSteps(steps: readonly ContainerfileStep[]): ContainerfileStep[] {
  return steps.filter(({ text }) => /^(FROM|RUN|COPY|WORKDIR) /.test(text));
}
