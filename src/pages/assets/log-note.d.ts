export declare function logNote(part: {
  readonly count: number;
  readonly isStart: boolean;
  readonly isEnd: boolean;
  readonly percent: number;
}): string;
