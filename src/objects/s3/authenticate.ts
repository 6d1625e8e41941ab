/** Who signed a request: by version 4 in the Authorization header or in the URL, or by version 2 in the URL. */
import type { Principal } from "../../domain/principal.ts";
import type { Clock } from "../../lib/clock.ts";
import type { SigningContext } from "../../lib/sigv4.ts";
import type { FindPrincipal, S3Principal } from "./principal.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";
import { checkAge, checkTimeLeft } from "./url-age.ts";
import { ACCESS_KEY_PARAMETER, readClaimOfUrl, verifyVersion2 } from "./signature-v2.ts";
import { readClaim, verifyVersion4 } from "./signature-v4.ts";

export interface Authenticated {
  readonly principal: S3Principal;
  /** The hash of the body in hex, UNSIGNED-PAYLOAD, or how the body is cut into chunks. */
  readonly payloadHash: string;
  /** Of the request; the chunks of a body are signed in a chain that begins with it. */
  readonly signature: string;
  /** Undefined for version 2, which signs no chunks. */
  readonly signing: SigningContext | undefined;
}

export interface AuthenticateOptions {
  readonly principals: FindPrincipal;
  readonly clock: Clock;
  /** Signatures of version 4 for other regions are refused; without it, any region will do. */
  readonly region?: string | undefined;
}

/** Throws the errors of S3 for a request that is not signed, or not rightly. */
export async function authenticate(
  request: S3Request,
  options: AuthenticateOptions,
  by: Principal,
): Promise<Authenticated> {
  const now = options.clock.now();
  if (
    request.header("authorization") === undefined &&
    request.parameter(ACCESS_KEY_PARAMETER) !== undefined
  ) {
    const claim = readClaimOfUrl(request, now);
    const principal = await findPrincipal(claim.accessKeyId, options, by);
    const verified = verifyVersion2(request, claim, principal.secretAccessKey);
    checkTimeLeft(principal, Number(claim.expires) * 1_000, now);
    return { principal, ...verified };
  }
  const claim = readClaim(request, now, options.region);
  const principal = await findPrincipal(claim.accessKeyId, options, by);
  const verified = verifyVersion4(request, claim, principal.secretAccessKey);
  if (claim.urlSignedAt !== undefined) checkAge(principal, claim.urlSignedAt, now);
  return { principal, ...verified };
}

async function findPrincipal(
  accessKeyId: string,
  { principals }: AuthenticateOptions,
  by: Principal,
): Promise<S3Principal> {
  const principal = await principals(accessKeyId, by);
  if (principal !== undefined) return principal;
  throw new S3Error("InvalidAccessKeyId", "The access key is not known here.", {
    AWSAccessKeyId: accessKeyId,
  });
}
