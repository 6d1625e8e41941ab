/** What to say of an attempt that could not do its work: of a container and its image, or of a process of this machine. */
import type { ResolvedImage } from "./image.ts";

export interface OutcomeTexts {
  /** Where its executor does not say why. */
  readonly notStarted: string;
  /** What to do about a task that could not be loaded, by the class of Python's exception. */
  readonly loadingHints: Readonly<Record<string, string>>;
  /** It ended with code 0. */
  readonly noOutputs: string;
  readonly noOutputsHint: string;
  /** It ended with code 127. */
  readonly notFound: string;
  /** It ended with code 126. */
  readonly notExecutable: string;
  /** For both of these codes. */
  readonly commandHint: string;
}

export function textsOf({ reference, source }: Pick<ResolvedImage, "reference" | "source">): OutcomeTexts {
  return source === "host" ? PROCESS : ofContainer(reference);
}

function ofContainer(image: string): OutcomeTexts {
  return {
    notStarted: `image ${image} could not be started`,
    loadingHints: {
      ModuleNotFoundError: `is the task's module in ${image}, below its WORKDIR or on its PYTHONPATH, and is what it imports installed there? Without copy_style="none" the code would be sent along`,
      AttributeError: `the module in ${image} is not the one that this run was made from: rebuild and push the image, or run without copy_style="none"`,
      PermissionError: `the USER of ${image} may not write to its WORKDIR, where sent code is unpacked: give it a WORKDIR of its own, or bake the code in and run with copy_style="none"`,
    },
    noOutputs: "the container ended with code 0 but wrote neither outputs nor an error",
    noOutputsHint: `does the ENTRYPOINT of ${image} swallow its arguments? It must run them, as in ENTRYPOINT ["/entrypoint.sh"] ending with exec "$@"`,
    notFound: "the container ended with code 127: its command was not found",
    notExecutable: "the container ended with code 126: its command was not executable by the image's user",
    commandHint: `is flyte installed in ${image}, and is the directory of a0 on its PATH?`,
  };
}

const PROCESS: OutcomeTexts = {
  notStarted: "the process could not be started",
  loadingHints: {
    ModuleNotFoundError:
      "is what the task imports installed in the Python environment of the server's --python? Without copy_style=\"none\" the task's own code would be sent along",
    AttributeError:
      'the module on this machine is not the one that this run was made from: run without copy_style="none"',
  },
  noOutputs: "the process ended with code 0 but wrote neither outputs nor an error",
  noOutputsHint: "see the end of its log: does the task end its own process, as with os._exit(0)?",
  notFound: "the process ended with code 127: its command was not found",
  notExecutable: "the process ended with code 126: its command was not executable by the server's user",
  commandHint:
    "see the end of its log: is the command installed on this machine, beside the interpreter of the server's --python or on its PATH?",
};
