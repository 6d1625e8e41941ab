/** Where images keep interpreters that are not on their PATH: environments, conda, pyenv, uv. */

/** `*` stands for any name, and `$NAME` for a variable; an absent one is skipped. */
export const INTERPRETER_FOLDERS: readonly string[] = [
  "$VIRTUAL_ENV/bin",
  "$CONDA_PREFIX/bin",
  "$PWD/.venv/bin",
  "$PWD/venv/bin",
  "/opt/venv/bin",
  "/venv/bin",
  "/app/.venv/bin",
  "/opt/conda/bin",
  "/opt/conda/envs/*/bin",
  "/usr/local/bin",
  "/usr/bin",
  "/opt/*/bin",
  "$HOME/.venv/bin",
  "$HOME/.local/bin",
  "$PYENV_ROOT/versions/*/bin",
  "$HOME/.pyenv/versions/*/bin",
  "/root/.pyenv/versions/*/bin",
  "$UV_PYTHON_INSTALL_DIR/*/bin",
  "$HOME/.local/share/uv/python/*/bin",
  "/root/.local/share/uv/python/*/bin",
  "/nodejs/bin",
];

export const PYTHON_NAMES: readonly string[] = ["python", "python3", "python3.[0-9]", "python3.[0-9][0-9]"];

/** Without a shell there are no patterns: those that are common, by their full paths. */
export function plainFolders(path: string, env: Readonly<Record<string, string>>): string[] {
  const known = INTERPRETER_FOLDERS.flatMap((folder) => {
    const [, name, rest = ""] = /^\$([A-Z_]+)(.*)$/u.exec(folder) ?? [];
    const value = name === undefined ? "" : (env[name] ?? "");
    const full = name === undefined ? folder : `${value}${rest}`;
    return full.includes("*") || (name !== undefined && value === "") ? [] : [full];
  });
  return [...new Set([...path.split(":"), ...known])].filter((folder) => folder.startsWith("/"));
}
