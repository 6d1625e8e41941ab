/** Percent-encoding as signatures want it: all but letters, digits and `-_.~`. */
export function encodeUri(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The same, but slashes stay. */
export function encodeUriPath(path: string): string {
  return encodeUri(path).replaceAll("%2F", "/");
}
