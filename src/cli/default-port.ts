/** Where `flyte create config --devbox` expects the server. */
export const DEFAULT_PORT = 30_080;
