"""What a task sees of its process and does in it. Each step returns what is compared, as JSON."""

import asyncio
import gc
import logging
import multiprocessing
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from urllib.parse import urlsplit

STEPS = {}


def step(function):
    STEPS[function.__name__] = function
    return function


def read(path):
    with open(path) as file:
        return file.read()


@step
def prints(case):
    print("out", case)
    print("error", case, file=sys.stderr)
    os.write(1, b"by the descriptor\n")
    print("é 漢字 \x1b[1mbold\x1b[0m\ttab", flush=True)
    sys.stdout.buffer.write(b"\xff\xfe no text\n")
    print("x" * 20_000)
    sys.stdout.write("no newline")


@step
def prints_much(case):
    for line in range(3000):
        print("line", line)


@step
def logs(case):
    # Before and after the root logger is configured.
    logging.getLogger("mine").warning("warned %d", case)
    before = [len(logging.root.handlers), logging.root.level, logging.getLogger("mine").getEffectiveLevel()]
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.info("configured")
    warnings.warn(f"a warning {case}")
    warnings.warn(f"deprecated {case}", DeprecationWarning)
    return [before, len(warnings.filters), logging.getLogger("flyte").level]


@step
def identity(case):
    import flyte

    context = flyte.ctx()
    action = context.action
    return [
        action.run_name == os.environ["RUN_NAME"],
        action.name == os.environ["ACTION_NAME"],
        [action.project, action.domain, action.org],
        os.environ["FLYTE_ATTEMPT_NUMBER"],
        context.mode,
    ]


@step
def variables(case):
    return {name: value for name, value in sorted(os.environ.items())}


@step
def variables_of_programs(case):
    return sorted(subprocess.run(["env"], capture_output=True, text=True).stdout.splitlines())


@step
def files(case):
    seen = [os.getcwd(), sorted(os.listdir(".")), sorted(os.listdir("/tmp")), tempfile.gettempdir()]
    for directory in (".", "/tmp", os.path.expanduser("~")):
        try:
            with open(os.path.join(directory, f"left-{case}.txt"), "w") as file:
                file.write("left")
        except OSError as error:
            seen.append(type(error).__name__)
    return seen


@step
def changes_directory(case):
    os.chdir(tempfile.mkdtemp())
    os.umask(0o077)


@step
def changes_itself(case):
    os.environ["LEFT"] = "left"
    sys.path.insert(0, "/left")
    sys.setrecursionlimit(2345)
    socket.setdefaulttimeout(77)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.getLogger().setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    gc.disable()
    os.nice(1)


@step
def process(case):
    status = dict(line.split(":\t", 1) for line in read("/proc/self/status").splitlines() if ":\t" in line)
    names = ("Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "CapEff", "NoNewPrivs", "Seccomp")
    return {
        **{name: status.get(name) for name in names},
        "limits": read("/proc/self/limits").splitlines(),
        "oom": read("/proc/self/oom_score_adj"),
        "name": read("/proc/self/comm"),
        "nice": os.nice(0),
        "affinity": sorted(os.sched_getaffinity(0)),
        "leads": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
    }


@step
def descriptors(case):
    def kind(fd):
        try:
            return os.readlink(f"/proc/self/fd/{fd}").split(":[")[0]
        except OSError:
            return None

    return [
        sorted(filter(None, (kind(fd) for fd in os.listdir("/proc/self/fd") if int(fd) < 3))),
        [os.isatty(fd) for fd in range(3)],
        [os.get_inheritable(fd) for fd in range(3)],
        [os.get_blocking(fd) for fd in range(3)],
        sys.stdin.read(),
        [stream.encoding + str(stream.line_buffering) + stream.errors for stream in (sys.stdout, sys.stderr)],
        # What programs that it starts would inherit.
        [fd for fd in os.listdir("/proc/self/fd") if kind(fd) and int(fd) > 2 and os.get_inheritable(int(fd))],
    ]


@step
def interpreter(case):
    main = sys.modules["__main__"]
    return {
        "argv": [sys.argv[0], *sys.argv[-4:]],
        "orig": sys.orig_argv[:2],
        "path": sys.path,
        "executable": sys.executable,
        "flags": str(sys.flags),
        "main": [main.__name__, main.__file__, str(main.__spec__), str(main.__package__), type(main.__loader__).__name__],
        "names": sorted(vars(main)),
        "hooks": [sys.excepthook is sys.__excepthook__, threading.excepthook.__name__, sys.displayhook is sys.__displayhook__],
        "gc": [gc.isenabled(), gc.get_threshold()],
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval(), socket.getdefaulttimeout()],
        "start": multiprocessing.get_start_method(allow_none=True),
        "warnings": [str(entry[0]) + entry[2].__name__ for entry in warnings.filters],
        "finders": [type(finder).__name__ if not isinstance(finder, type) else finder.__name__ for finder in sys.meta_path],
        "hooks_of_paths": len(sys.path_hooks),
        "standard": sorted(name for name in ("numpy", "steps", "flow", "boot") if name in sys.modules),
        "children": multiprocessing.active_children(),
        "locale": __import__("locale").setlocale(__import__("locale").LC_ALL),
        "audit": sys.getprofile() is None and sys.gettrace() is None,
    }


@step
def signals(case):
    def name(handler):
        return handler.name if isinstance(handler, signal.Handlers) else getattr(handler, "__qualname__", str(handler))

    return [
        {each.name: name(signal.getsignal(each)) for each in sorted(signal.valid_signals()) if isinstance(each, signal.Signals)},
        sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        signal.getitimer(signal.ITIMER_REAL),
        signal.set_wakeup_fd(-1) if threading.current_thread() is threading.main_thread() else None,
    ]


@step
def stack(case):
    frames = [[os.path.basename(frame.filename), frame.name] for frame in traceback.extract_stack()]
    # Those of the worker come first.
    starts = [number for number, frame in enumerate(frames) if frame in (["a0", "<module>"], ["boot.py", "<module>"])]
    return frames[starts[-1] if starts else 0 :]


@step
def container(case):
    points = sorted(line.split()[4] for line in read("/proc/self/mountinfo").splitlines())
    limits = {}
    for name in ("memory.max", "cpu.max", "pids.max"):
        try:
            limits[name] = read(f"/sys/fs/cgroup/{name}")
        except OSError:
            limits[name] = None
    points = [point for point in points if not point.startswith("/run/boxkite/")]
    return {"mounts": points, "cgroup": limits, "files": sorted(os.listdir("/"))}


@step
def network(case):
    address = socket.gethostbyname(socket.gethostname())
    server = urlsplit(os.environ["_U_EP_OVERRIDE"])
    with socket.create_connection((server.hostname, server.port), 5) as connection:
        own = connection.getsockname()[0]
    return [os.environ.get("HOSTNAME") == socket.gethostname(), address.count("."), own.count(".")]


def square(number):
    return [number * number, sys.argv[:1], sys.modules["__main__"].__name__, os.environ.get("ACTION_NAME") is not None]


@step
def spawn(case):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(square, [1, 2])


@step
def fork(case):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(square, [1, 2, 3])


@step
def threads(case):
    seen = []
    started = [threading.Thread(target=lambda number=number: seen.append(number)) for number in range(4)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    threading.Thread(target=lambda: print("of a daemon", flush=True), daemon=True).start()
    failing = threading.Thread(target=lambda: 1 / 0, name="failing")
    failing.start()
    failing.join()
    return sorted(seen)


@step
def programs(case):
    code = "import os, sys; print(sorted(sys.modules) == [], sys.argv, os.getcwd() != '', os.get_inheritable(0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    printed = subprocess.run(["sh", "-c", "echo out; echo error >&2; echo reopened >/dev/stdout; ls -l /proc/self/fd | wc -l; exit 4"])
    return [done.stdout, done.stderr, printed.returncode]


@step
def leaves_a_program(case):
    subprocess.Popen(["sleep", "300"])


@step
def leaves_a_thread(case):
    threading.Thread(target=lambda: threading.Event().wait(60), daemon=True).start()


@step
def loops(case):
    async def half(number):
        await asyncio.sleep(0.001)
        return number / 2

    async def all_of_them():
        return await asyncio.gather(*(half(number) for number in range(3)))

    result = []
    thread = threading.Thread(target=lambda: result.append(asyncio.run(all_of_them())))
    thread.start()
    thread.join()
    return [result, type(asyncio.get_event_loop_policy()).__name__]


@step
def at_exit(case):
    import atexit

    class Kept:
        def __del__(self, write=os.write):
            write(2, b"deleted\n")

    sys.modules[__name__].kept = Kept()
    atexit.register(lambda: print("at exit", flush=True))


@step
def state(case):
    """What an earlier attempt has left in modules of its own and of others."""
    module = sys.modules[__name__]
    logging.left = [*getattr(logging, "left", []), case]
    module.left = [*getattr(module, "left", []), case]
    return [len(logging.left), len(module.left)]


@step
def other_runs(case):
    """What other runs, which do the same at this time, have left where this one can find it."""
    own = "marker-" + os.environ["RUN_NAME"]
    places = [".", "/tmp", "/dev/shm"]
    found = [name for place in places for name in os.listdir(place)]
    found += [*os.environ, getattr(logging, "marker", own), *(thread.name for thread in threading.enumerate())]
    for place in places:
        with open(os.path.join(place, own), "w"):
            pass
    os.environ[own] = "set"
    logging.marker = own
    return [name for name in found if name.startswith("marker-") and name != own]
