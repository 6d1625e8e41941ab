/** Small tasks that show what a process sees of itself, and how it ends. */

interface Program {
  /** Statements of an async task, or of a module with a task `run`. */
  readonly body?: string;
  readonly module?: string;
  /** Of the process; how it is checked that the program does what it is for. */
  readonly code: number;
  readonly prints?: RegExp;
}

const indented = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n");

export function sourceOf({ body = "", module }: Program): string {
  const head = "import flyte, os, sys\nenv = flyte.TaskEnvironment(name='e', image='x')\n";
  return head + (module ?? `@env.task\nasync def run() -> int:\n${indented(body)}\n    return 42\n`);
}

export const PROGRAMS: Readonly<Record<string, Program>> = {
  "prints on both outputs": {
    body: "print('out', flush=True); print('error', file=sys.stderr); print('no newline', end='')",
    code: 0,
    prints: /no newline/u,
  },
  "raises an exception": { body: "raise ValueError('mine')", code: 0 },
  "a module that cannot be imported": { module: "import no_such_module\n", code: 1 },
  "a module with an error": { module: "1 / 0\n", code: 1 },
  "sys.exit": { body: "sys.exit(3)", code: 3 },
  "sys.exit with a message": { body: "sys.exit('enough')", code: 1 },
  "os._exit": { body: "print('lost or not'); os._exit(7)", code: 7 },
  "an interrupt": { body: "raise KeyboardInterrupt('stop')", code: 1 },
  "an exception that a0 does not catch": {
    body: "class Odd(BaseException): pass\nraise Odd('mine')",
    code: 1,
  },
  "ended by SIGKILL": { body: "print('before', flush=True); os.kill(os.getpid(), 9)", code: 137 },
  "ended by SIGTERM": { body: "import signal; signal.raise_signal(signal.SIGTERM)", code: 143 },
  "ended by a segmentation fault": { body: "import ctypes; ctypes.string_at(0)", code: 139 },
  aborted: { body: "os.abort()", code: 134 },
  "a signal handler": {
    body: `
import signal
signal.signal(signal.SIGTERM, lambda *_: print("terminated", flush=True))
signal.raise_signal(signal.SIGTERM)
print({name: signal.getsignal(getattr(signal, name)).__class__.__name__ for name in ("SIGINT", "SIGCHLD", "SIGPIPE", "SIGHUP")})
print(signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.set_wakeup_fd(-1))`,
    code: 0,
    prints: /^terminated$/mu,
  },
  "what a process knows of itself": {
    body: `
print(sys.argv[1:], sys.orig_argv[1:3], sys.path, sys.flags)
main = sys.modules["__main__"]
print(main.__file__, main.__name__, main.__spec__, main.__package__, type(main.__loader__), sorted(vars(main)))
print(os.getcwd(), os.environ.get("OWN"), os.environ.get("COMMON"), sorted(os.environ))
print(sys.stdout.encoding, sys.stdout.line_buffering, sys.stderr.line_buffering, sys.stdin, sys.excepthook is sys.__excepthook__)
import stat
print([stat.S_IFMT(os.fstat(fd).st_mode) == stat.S_IFIFO for fd in (1, 2)], os.readlink("/proc/self/fd/0"))
print(os.getpriority(os.PRIO_PROCESS, 0), os.umask(0o22))`,
    code: 0,
    prints: /'a0'/u,
  },
  "threads that outlive the task": {
    body: `
import threading, time
threading.Thread(target=lambda: (time.sleep(0.2), print("late", flush=True))).start()
threading.Thread(target=lambda: (time.sleep(9), print("never", flush=True)), daemon=True).start()
print(sorted(each.name for each in threading.enumerate()))`,
    code: 0,
    prints: /^late$/mu,
  },
  "a thread pool": {
    body: `
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(lambda n: n * n, range(10))))`,
    code: 0,
    prints: /81/u,
  },
  ...Object.fromEntries(
    ["spawn", "fork", "forkserver"].map((method) => [
      `multiprocessing by ${method}`,
      {
        module: `
import multiprocessing, asyncio
def work(n):
    return [n * n, os.getppid() != 1, sys.argv[0], sys.modules["__main__"].__name__, sys.path[:2]]
@env.task
def run() -> int:
    with multiprocessing.get_context("${method}").Pool(2) as pool:
        print(pool.map(work, [1, 2, 3]))
    return 42
`,
        code: 0,
        prints: /\[9, /u,
      } satisfies Program,
    ]),
  ),
  "a process pool": {
    module: `
from concurrent.futures import ProcessPoolExecutor
def work(n):
    return n * n
@env.task
def run() -> int:
    with ProcessPoolExecutor(2) as pool:
        print(list(pool.map(work, [1, 2, 3])))
    return 42
`,
    code: 0,
    prints: /\[1, 4, 9\]/u,
  },
  "other programs": {
    body: `
import subprocess
print(subprocess.run(["sh", "-c", "echo out; echo error >&2; exit 4"]).returncode)
print(subprocess.run(["sh", "-c", "echo reopened >/dev/stdout"]).returncode)
print(subprocess.run([sys.executable, "-c", "import sys; print('boxkite_worker' in sys.modules, sys.argv)"], capture_output=True, text=True).stdout)`,
    code: 0,
    prints: /^reopened$/mu,
  },
  "a file that nobody closes": {
    module: `
file = open(os.environ["OWN"] + ".txt", "w")
file.write("kept")
@env.task
async def run() -> int:
    with open("written.txt", "w") as other:
        other.write("by the task")
    print(os.path.exists("written.txt"))
    return 42
`,
    code: 0,
  },
  "the end of the interpreter": {
    module: `
import atexit, weakref
atexit.register(lambda: print("at exit", flush=True))
class Kept:
    def __del__(self, write=os.write):
        write(2, b"deleted\\n")
kept = Kept()
finalizer = weakref.finalize(kept, print, "finalized")
@env.task
async def run() -> int:
    return 42
`,
    code: 0,
    prints: /^at exit$/mu,
  },
  "the end of what refers to itself, before that of modules": {
    module: `
import gc
class Named:
    def __init__(self, text):
        self.text = text
    def __del__(self, write=os.write):
        write(1, self.text)
kept = Named(b"of the module\\n")
@env.task
async def run() -> int:
    # Not before the end.
    gc.set_threshold(1_000_000)
    cycle = Named(b"of a cycle\\n")
    cycle.self = cycle
    return 42
`,
    code: 0,
    prints: /^of a cycle\nof the module$/mu,
  },
  async: {
    body: `
import asyncio
async def half(n):
    await asyncio.sleep(0.01)
    return n / 2
print(await asyncio.gather(*(half(n) for n in range(5))), await asyncio.to_thread(lambda: "in a thread"))`,
    code: 0,
    prints: /in a thread/u,
  },
  "a synchronous task that calls flyte's own functions": {
    module: `
import flyte.storage
@env.task
def run() -> int:
    print(flyte.storage.exists_sync("nothing-here"), flyte.ctx().action.name)
    return 42
`,
    code: 0,
    prints: /False a0/u,
  },
  "numerical libraries": {
    body: `
import importlib.util
if importlib.util.find_spec("numpy"):
    import numpy
    print((numpy.ones((200, 200)) @ numpy.ones((200, 200))).sum(), numpy.__file__)`,
    code: 0,
  },
  logging: {
    body: `
import logging, warnings
logging.getLogger("mine").warning("logged")
logging.basicConfig(level=logging.INFO)
logging.info("configured")
warnings.warn("warned")`,
    code: 0,
  },
};
