export type ShortInput = readonly [name: string, value: string];
export interface Varying {
  add(task: string, inputs: readonly ShortInput[]): void;
  of(task: string): ReadonlySet<string>;
}
export declare function inputsText(inputs: readonly ShortInput[], varying: ReadonlySet<string>): string;
export declare function createVarying(): Varying;
