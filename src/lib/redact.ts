/**
 * Replaces secrets in texts, and parts of them: programs wrap long lines, and a secret is then in two.
 *
 * A part of 15 characters has a window of 8 at a position that is a multiple of 8. So only these windows of a text
 * are compared with those of the secrets, by a small hash first: a line of 100 characters costs 12 comparisons.
 */

const MASK = "***";
const WINDOW = 8;
/** Shorter parts of a secret are not found. */
export const SHORTEST_PART = 2 * WINDOW - 1;
const HASHES = 1 << 13;

export interface Redactor {
  /** The text with `***`, or what `maskOf` gives, for each secret and for each part of one that is long enough. */
  redact(text: string, maskOf?: (part: string) => string): string;
}

/** Secrets of 15 characters or more; they are found as they are, and percent-encoded. */
export function createRedactor(secrets: readonly string[]): Redactor {
  const written = new Set(secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]));
  if ([...written].some(({ length }) => length < SHORTEST_PART))
    throw new Error("a secret is too short to be told from other text");
  let known: Windows | undefined;

  return {
    redact: (text, maskOf = () => MASK) => {
      // Many attempts write nothing.
      const { positions, isHash } = (known ??= windowsOf(written));
      let result = "";
      let end = 0;
      for (let at = 0; at + WINDOW <= text.length; at += WINDOW) {
        if (at < end || isHash[hashAt(text, at)] === 0) continue;
        const part = longestPart(text, end, at, positions.get(text.slice(at, at + WINDOW)) ?? []);
        if (part.end - part.start < SHORTEST_PART) continue;
        result += text.slice(end, part.start) + maskOf(text.slice(part.start, part.end));
        end = part.end;
      }
      return end === 0 ? text : result + text.slice(end);
    },
  };
}

interface Windows {
  readonly positions: ReadonlyMap<string, readonly Position[]>;
  /** By hash: whether a window has it. */
  readonly isHash: Uint8Array;
}

function windowsOf(secrets: Iterable<string>): Windows {
  const positions = new Map<string, Position[]>();
  const isHash = new Uint8Array(HASHES);
  for (const secret of secrets) {
    for (let offset = 0; offset + WINDOW <= secret.length; offset++) {
      const window = secret.slice(offset, offset + WINDOW);
      const same = positions.get(window);
      if (same === undefined) positions.set(window, [{ secret, offset }]);
      else same.push({ secret, offset });
      isHash[hashAt(secret, offset)] = 1;
    }
  }
  return { positions, isHash };
}

interface Position {
  readonly secret: string;
  readonly offset: number;
}

interface Part {
  readonly start: number;
  readonly end: number;
}

function hashAt(text: string, at: number): number {
  const hash =
    text.charCodeAt(at) * 961 + text.charCodeAt(at + 3) * 8_191 + text.charCodeAt(at + WINDOW - 1) * 31;
  return hash & (HASHES - 1);
}

/** The longest part of a secret that has this window, not before `from`. */
function longestPart(text: string, from: number, at: number, positions: readonly Position[]): Part {
  let longest: Part = { start: at, end: at };
  for (const { secret, offset } of positions) {
    let start = at;
    for (let before = offset - 1; start > from && before >= 0 && text[start - 1] === secret[before]; before--)
      start--;
    let end = at;
    for (let after = offset; after < secret.length && text[end] === secret[after]; after++) end++;
    if (end - start > longest.end - longest.start) longest = { start, end };
  }
  return longest;
}
