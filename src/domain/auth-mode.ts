/** How callers prove who they are. */

/** From where connections of task containers come: over an engine's bridge, or over loopback, as those of people do. */
export type ContainerConnections = "bridge" | "loopback";

/** What a person has to show. */
export type Login = "none" | "local-secret" | "token";

/** `off`: they do not, and everybody who connects may do everything. */
export const AUTH_MODES = ["off", "tokens"] as const;
export type AuthMode = (typeof AUTH_MODES)[number];

export function isAuthMode(text: string): text is AuthMode {
  return (AUTH_MODES as readonly string[]).includes(text);
}

/**
 * Where containers come over loopback, a call without anything may be a container's, so that people have to show the
 * local login secret; except where other machines may do everything without a login.
 */
export function loginOf(
  auth: AuthMode,
  connections: ContainerConnections | undefined,
  isOpenToAnyone: boolean,
): Login {
  if (auth === "tokens") return "token";
  return connections === "loopback" && !isOpenToAnyone ? "local-secret" : "none";
}
