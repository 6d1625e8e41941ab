/** URLs that open one object, signed in the name of the caller who asks: they end with their signer's right. */
import type { Identity } from "../domain/principal.ts";
import type { Clock } from "../lib/clock.ts";
import { presign } from "../lib/sigv4-signer.ts";
import { WRITE_ONCE_PARAMETER } from "../objects/s3/put-object.ts";
import { issueAccessKey } from "../orchestrator/access-keys.ts";
import { attemptOfName, nameOfAttempt } from "../orchestrator/attempt-name.ts";
import { nameOfReproduction, reproductionOfName } from "../orchestrator/reproductions.ts";
import type { SigningKeys } from "../orchestrator/signing-keys.ts";
import { unauthenticated } from "../services/authorise/refusals.ts";
import type { ServiceContext } from "../services/context.ts";
import { keyOfUri } from "../services/object-keys.ts";

export interface LinksOptions {
  readonly signingKeys: SigningKeys;
  readonly bucket: string;
  readonly clock: Clock;
}

export function createPresign({ signingKeys, bucket, clock }: LinksOptions): ServiceContext["presign"] {
  return ({ method, origin, uri, expiresInSeconds, writeOnce, by }) =>
    presign({
      method,
      origin,
      bucket,
      key: keyOfUri(uri, bucket),
      ...issueAccessKey(signingKeys, "link", subjectOf(by.identity)),
      expiresInSeconds,
      nowMs: clock.now(),
      ...(writeOnce && { query: { [WRITE_ONCE_PARAMETER]: "" } }),
      ...(writeOnce?.md5 && { headers: { "content-md5": Buffer.from(writeOnce.md5).toString("base64") } }),
    });
}

function subjectOf(identity: Identity): string {
  switch (identity.kind) {
    case "everyone":
      return "everyone";
    case "token":
      return `token/${identity.id}`;
    case "attempt":
      return `attempt/${nameOfAttempt(identity.key)}`;
    case "reproduction":
      return `reproduction/${nameOfReproduction(identity)}`;
    case "stranger":
      throw unauthenticated(identity);
  }
}

/** Who signed a link, from its access key; the signature has shown that the server made it. */
export function signerOfLink(subject: string): Identity {
  const [kind = "", rest = ""] = subject.split(/\/(.*)/su, 2);
  if (kind === "attempt") return { kind, key: attemptOfName(rest) };
  if (kind === "reproduction") return { kind, ...reproductionOfName(rest) };
  return kind === "token" ? { kind, id: rest } : { kind: "everyone" };
}
