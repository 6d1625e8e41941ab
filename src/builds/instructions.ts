/** The lines of a Containerfile, and the position of each instruction. */

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

  add(text: string, summary = summaryOf(text)): void {
    const lines = text.split("\n");
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

/** Those that make a layer, as BuildKit counts them. */
export function layerSteps(steps: readonly ContainerfileStep[]): ContainerfileStep[] {
  return steps.filter(({ text }) => /^(FROM|RUN|COPY|WORKDIR) /.test(text));
}
