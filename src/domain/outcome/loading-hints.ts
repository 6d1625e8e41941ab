/** Errors of a runtime that could not load the task, or loaded another one. */
import type { Facts } from "./facts.ts";
import { SEND_CODE, type HintRow } from "./hint-row.ts";
import { isStandardModule } from "./standard-modules.ts";

export const LOADING_HINTS: readonly HintRow[] = [
  {
    name: "a pickle of another Python",
    hint: ({ code, message, whileLoading }, { program, where }) =>
      OTHER_PYTHON.test(message) || (whileLoading && program.code === "pickled" && PICKLE_ERRORS.has(code))
        ? `the task or a value was pickled by another version of Python than ${where} has: use the same minor version on both sides (python -V), or start the run from a file, whose code is sent as source`
        : undefined,
  },
  {
    name: "a pickled name that the image's module lacks",
    hint: ({ message }, { where }) => {
      const [, name, module] = /Can't get attribute '([^']+)' on <module '([^']+)'/u.exec(message) ?? [];
      return name === undefined
        ? undefined
        : `${module} in ${where} has no ${name}: it is another version of that module than the one that made the pickle`;
    },
  },
  {
    name: "a file named like a standard module",
    hint: ({ message, whileLoading }, { program }) => {
      const module =
        whileLoading || NOT_A_TASK.test(message) ? standardModuleIn(message, program.module) : undefined;
      return module === undefined
        ? undefined
        : `${module} is also a module of Python's standard library, and only one of the two is loaded: give ${module}.py another name`;
    },
  },
  {
    name: "the name that was loaded is not a task",
    hint: ({ message }, { program, where }) =>
      NOT_A_TASK.test(message)
        ? `${program.entity ?? "the name"} in the module ${program.module ?? "that was loaded"} is not a task there: another module of this name in ${where} is found first`
        : undefined,
  },
  {
    name: "the loaded module lacks the task",
    hint: ({ code, message, whileLoading }, { program, isContainer, image }) => {
      if (code !== "AttributeError" || !whileLoading) return undefined;
      const [, module] = /module '([^']+)' has no attribute/u.exec(message) ?? [];
      if (program.code === "baked")
        return isContainer
          ? `the module in ${image.reference} is not the one that this run was made from: rebuild and push the image, or run ${SEND_CODE}`
          : `the module on this machine is not the one that this run was made from: run ${SEND_CODE}`;
      if (module === undefined || module !== program.module) return undefined;
      return `another module ${module} is found before the one that was sent: an installed package, or a copy in ${isContainer ? "the image" : "this machine's environment"}. Give the file another name, or remove the other one`;
    },
  },
  {
    name: "a module that is missing",
    hint: ({ code, whileLoading }, facts) =>
      code === "ModuleNotFoundError" && whileLoading ? missingModule(facts) : undefined,
  },
  {
    name: "a WORKDIR that the image's USER may not write",
    hint: ({ code, whileLoading }, { isContainer, image }) =>
      code === "PermissionError" && whileLoading && isContainer
        ? `the USER of ${image.reference} may not write to its WORKDIR, where sent code is unpacked: give it a WORKDIR of its own, or bake the code in and run with copy_style="none"`
        : undefined,
  },
  {
    name: "flyte in an image without certificate authorities",
    hint: ({ message }, { isContainer, image }) =>
      isContainer && message.includes("No CA certificates were loaded from the system")
        ? `${image.reference} has no certificate authorities, and without any flyte calls no server (FLYTE_WITHOUT_CA_BUNDLE): in its Dockerfile: RUN apt-get update && apt-get install -y ca-certificates`
        : undefined,
  },
  {
    name: "a package of Node that is missing",
    hint: ({ message, whileLoading }, { where, isContainer }) => {
      const [, name] = /Cannot find (?:package|module) '([^'./][^']*)'/u.exec(message) ?? [];
      return whileLoading && name !== undefined
        ? `${name} is not installed in ${where}: install it there (${isContainer ? "npm ci in the Dockerfile" : "npm install"}), where the module that imports it finds it`
        : undefined;
    },
  },
];

/** In the words of Python 3.8 to 3.14, of pickle, marshal and cloudpickle. */
const OTHER_PYTHON =
  /unsupported pickle protocol|\bcode\(\) (?:argument|takes)|code expected at (?:most|least)|unknown opcode|bad marshal data|an integer is required \(got type bytes\)|_make_skeleton_class|_function_setstate/u;
const PICKLE_ERRORS: ReadonlySet<string> = new Set([
  "TypeError",
  "ValueError",
  "SystemError",
  "UnpicklingError",
  "EOFError",
  "IndexError",
]);

/** What flyte's runtime asks of the object that it takes for the task. */
const NOT_A_TASK = /object has no attribute 'native_interface'/u;

function standardModuleIn(message: string, loaded: string | undefined): string | undefined {
  if (NOT_A_TASK.test(message)) return loaded !== undefined && isStandardModule(loaded) ? loaded : undefined;
  const [, module = ""] =
    /module '([^']+)' has no attribute/u.exec(message) ??
    /cannot import name '[^']+' from (?:partially initialized module )?'([^']+)'/u.exec(message) ??
    /(?:No module named|Module) '([^'.]+)\.[^']+'.*is not a package/su.exec(message) ??
    [];
  return isStandardModule(module) ? module.split(".")[0] : undefined;
}

function missingModule({ program, image, isContainer }: Facts): string {
  if (program.code === "baked")
    return isContainer
      ? `is the task's module in ${image.reference}, below its WORKDIR or on its PYTHONPATH, and is what it imports installed there? ${capital(SEND_CODE)} the code would be sent along`
      : `is what the task imports installed in the Python environment of the server's --python? ${capital(SEND_CODE)} the task's own code would be sent along`;
  return isContainer
    ? `is what the task imports installed in ${image.reference}? A module of your own has to lie below the folder that is sent along`
    : "is what the task imports installed in the Python environment of the server's --python? A module of your own has to lie below the folder that is sent along";
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
