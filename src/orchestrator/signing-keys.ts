/** Signs what the server gives to its callers, so that it recognises it again without storing it. */
import { createHmac, timingSafeEqual } from "node:crypto";

export interface SigningKeys {
  /** What is signed for one purpose is not valid for another. In base64url. */
  sign(purpose: string, text: string): string;
  verify(purpose: string, text: string, signature: string): boolean;
}

export function createSigningKeys(secret: string): SigningKeys {
  const sign = (purpose: string, text: string) =>
    createHmac("sha256", secret).update(`${purpose}:${text}`).digest("base64url");
  return {
    sign,
    verify: (purpose, text, signature) => {
      const expected = Buffer.from(sign(purpose, text));
      const given = Buffer.from(signature);
      return expected.length === given.length && timingSafeEqual(expected, given);
    },
  };
}
