/**
 * Errors as S3 names them: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 * The codes with a comment are ours.
 */
const STATUS = {
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  AuthorizationQueryParametersError: 400,
  BadDigest: 400,
  BucketAlreadyOwnedByYou: 409,
  EntityTooLarge: 400,
  EntityTooSmall: 400,
  IncompleteBody: 400,
  /** The disk is full. Some clients try again for a while: obstore three times, about 20 s. */
  InsufficientStorage: 507,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidDigest: 400,
  InvalidPart: 400,
  InvalidPartOrder: 400,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidTag: 400,
  InvalidURI: 400,
  KeyTooLongError: 400,
  MalformedTrailerError: 400,
  MalformedXML: 400,
  MetadataTooLarge: 400,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  NotImplemented: 501,
  /** The disk lost what was written. No 5xx: clients would try again for minutes, and the disk says the same. */
  ObjectDamaged: 422,
  PreconditionFailed: 412,
  /** The project stores as much as it may. Clients do not try again. */
  QuotaExceeded: 403,
  RequestTimeTooSkewed: 403,
  SignatureDoesNotMatch: 403,
  /** Objects can be neither read nor written: their directory is gone, or cannot be written to. */
  StorageUnavailable: 503,
  XAmzContentSHA256Mismatch: 400,
} as const satisfies Record<string, number>;

export type S3ErrorCode = keyof typeof STATUS;

export class S3Error extends Error {
  readonly code: S3ErrorCode;
  readonly status: number;
  /** Further elements of the answer, such as `ArgumentName`. */
  readonly details: Readonly<Record<string, string>>;

  constructor(code: S3ErrorCode, message: string, details: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = "S3Error";
    this.code = code;
    this.status = STATUS[code];
    this.details = details;
  }
}
