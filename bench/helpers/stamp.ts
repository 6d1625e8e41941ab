/** Milliseconds since the epoch, out of the nanoseconds that a container printed with `date +%s%N`. */
export function stampIn(output: string): number | undefined {
  const [digits] = /\d{19}/u.exec(output) ?? [];
  return digits === undefined ? undefined : Number(BigInt(digits) / 1_000n) / 1_000;
}
