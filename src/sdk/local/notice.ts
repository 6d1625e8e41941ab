/** Says on standard error, once per process, which options a local run does not apply. */

export class Notice {
  readonly #write: (text: string) => void;
  readonly #known = new Set<string>();

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  notApplied(names: readonly string[]): void {
    const added = names.filter((name) => !this.#known.has(name));
    if (added.length === 0) return;
    for (const name of added) this.#known.add(name);
    this.#write(`local runs do not apply: ${added.join(", ")}\n`);
  }
}

export const notice = new Notice((text) => process.stderr.write(text));
