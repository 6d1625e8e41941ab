/** How callers prove who they are. */

/** `off`: they do not, and everybody who connects may do everything. */
export const AUTH_MODES = ["off", "tokens"] as const;
export type AuthMode = (typeof AUTH_MODES)[number];

export function isAuthMode(text: string): text is AuthMode {
  return (AUTH_MODES as readonly string[]).includes(text);
}
