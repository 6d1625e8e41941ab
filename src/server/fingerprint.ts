/** Short hashes by which two values are compared without being shown. Without the key nobody can find a value by trying. */
import { createHmac } from "node:crypto";

const LENGTH = 12;

export function createFingerprint(key: string): (text: string) => string {
  return (text) => createHmac("sha256", key).update(text).digest("hex").slice(0, LENGTH);
}
