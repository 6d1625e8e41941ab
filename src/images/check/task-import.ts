/** Whether the module of a task can be imported in its image: without network and secrets, so a failure is a doubt only. */
import { posix } from "node:path";
import type { Finding } from "./finding.ts";
import { preferredPython } from "./interpreters.ts";
import type { ProbeFrame } from "./probe-frames.ts";
import type { Language, Subject } from "./subject.ts";

export interface TaskName {
  /** `package.module`, or the path of a file for TypeScript. */
  readonly module: string;
  readonly name: string;
  readonly language: Language;
}

export type TaskImport =
  | { readonly kind: "imported" }
  /** The module itself is not in the image. */
  | { readonly kind: "no_module" }
  | { readonly kind: "no_task" }
  | { readonly kind: "failed"; readonly error: string }
  /** Nothing could be started, or it took longer than the limit. */
  | { readonly kind: "no_answer" };

const PYTHON_PROGRAM = `
import importlib, os, sys
n, module, name = sys.argv[1:4]
def say(value):
    sys.stdout.write("%s task %s\\n" % (n, value))
    sys.stdout.flush()
sys.stdout.write(n + " begin python\\n")
sys.stdout.flush()
try:
    try:
        found = importlib.import_module(module)
        say("imported" if hasattr(found, name) else "no_task")
    except BaseException as e:
        missing = isinstance(e, ImportError) and getattr(e, "name", None)
        if missing and (module + ".").startswith(missing + ".") and "No module named" in str(e): say("no_module")
        else: say("failed %s: %s" % (type(e).__name__, " ".join(str(e).split())[:600]))
finally:
    sys.stdout.write(n + " end\\n")
    sys.stdout.flush()
    os._exit(0)
`;

const NODE_PROGRAM = `
const [n, file, name] = process.argv.slice(-3);
const fs = require("fs"), path = require("path"), url = require("url");
const write = (text) => fs.writeSync(1, n + " " + text + "\\n");
const end = (text) => { write("task " + text); write("end"); process.exit(0); };
write("begin node");
const others = [file, file.replace(/ts$/, "js"), file.replace(/js$/, "ts")].map((each) => path.resolve(each));
const found = others.find((each) => fs.existsSync(each));
if (found === undefined) end("no_module");
import(url.pathToFileURL(found).href).then(
  (module) => {
    const tasks = [...(globalThis[Symbol.for("boxkite.state.1")]?.tasks.keys() ?? [])];
    const has = name in module || tasks.some((each) => each === name || each.endsWith("." + name));
    end(has ? "imported" : "no_task");
  },
  (error) => end("failed " + String(error).split(/\\s+/).join(" ").slice(0, 600)),
);
`;

/** `module:name`; the module of a Python task has dots, that of a TypeScript task is a file. Undefined for other texts. */
export function parseTaskName(text: string): TaskName | undefined {
  const [, module = "", name = ""] = /^([^:\s]+):([^:\s]+)$/u.exec(text) ?? [];
  if (module === "") return undefined;
  if (/\.[cm]?[jt]s$/u.test(module)) return { module, name, language: "typescript" };
  if (/^[\w.]+$/u.test(module)) return { module, name, language: "python" };
  return undefined;
}

/** What runs the task in this image, with its arguments; undefined where nothing does. */
export function importCommand(
  { container, python }: Subject,
  { module, name, language }: TaskName,
): ((nonce: string) => string[]) | undefined {
  if (language === "typescript") {
    const path = container.node?.path;
    return path === undefined ? undefined : (nonce) => [path, "-e", NODE_PROGRAM, nonce, module, name];
  }
  const path = (python ?? preferredPython(container))?.path;
  return path === undefined ? undefined : (nonce) => [path, "-c", PYTHON_PROGRAM, nonce, module, name];
}

export function parseImport(frames: readonly ProbeFrame[]): TaskImport {
  const answer = frames.find(({ key }) => key === "task")?.value ?? "";
  if (answer === "imported" || answer === "no_module" || answer === "no_task") return { kind: answer };
  return answer.startsWith("failed ")
    ? { kind: "failed", error: answer.slice("failed ".length) }
    : { kind: "no_answer" };
}

/** Never more than a doubt: the code may be sent with the run, and the module may need a network or a secret. */
export function importFinding(subject: Subject, task: TaskName, result: TaskImport): Finding | undefined {
  const { module, name, language } = task;
  const { container, python } = subject;
  const doubt = { level: "limits", certain: false } as const;
  const workdir = container.workdir?.path ?? subject.facts.config.workdir;
  switch (result.kind) {
    case "imported":
      return undefined;
    case "no_module":
      return {
        code: "TASK_MODULE_MISSING",
        level: "note",
        certain: false,
        text: `the module ${module} is not in it, which is right where the code is sent with the run`,
        mend:
          language === "python"
            ? {
                dockerfile: `COPY ${module.split(".")[0] ?? module} ${posix.join(workdir, module.split(".")[0] ?? module)}`,
              }
            : { dockerfile: `COPY ${module} ${posix.join(workdir, module)}` },
      };
    case "no_task":
      return {
        ...doubt,
        code: "TASK_MISSING",
        text: `the module ${module} in it has no ${name}`,
        mend: { other: "build the image again with the present code, or correct the name" },
      };
    case "failed": {
      const missing = /^ModuleNotFoundError: No module named '([\w.]+)'/u.exec(result.error)?.[1];
      const interpreter = (python ?? preferredPython(container))?.path ?? "python";
      return {
        ...doubt,
        code: "TASK_IMPORT_FAILED",
        text: `the module ${module} cannot be imported, at least without network and secrets: ${result.error}`,
        mend:
          missing === undefined
            ? { other: `try it: podman run --rm ${subject.reference} ${interpreter} -c "import ${module}"` }
            : {
                dockerfile: `RUN ${interpreter} -m pip install ${missing.split(".")[0]}`,
                other: `for a module of your own, in the Dockerfile: ENV PYTHONPATH=${workdir}`,
              },
      };
    }
    case "no_answer":
      return {
        code: "TASK_IMPORT_UNKNOWN",
        level: "note",
        certain: false,
        text: `whether the module ${module} can be imported is not known: nothing answered within 20 s`,
        mend: { other: "start a small task with it" },
      };
  }
}
