"""Values that differ between attempts, and that an import must not keep: clocks, random numbers, the process and its variables."""

import datetime
import os
import random
import sys
import sysconfig
from contextlib import contextmanager

# By the module of a C function. What only measures durations is not here: perf_counter, process_time, thread_time.
CALLS = {
    "time": {
        "reason": "it reads the clock",
        "names": {"time", "time_ns", "monotonic", "monotonic_ns", "localtime", "gmtime", "ctime", "strftime"},
    },
    "posix": {
        "reason": "it reads random numbers or the number of its process",
        "names": {"urandom", "getrandom", "getpid", "getppid"},
    },
    "thread": {"reason": "it starts a thread", "names": {"start_new_thread", "start_joinable_thread"}},
    "atexit": {"reason": "it registers a function for the end of its process", "names": {"register"}},
    "signal": {"reason": "it installs a signal handler", "names": {"signal", "set_wakeup_fd"}},
}
# Generators of numerical libraries, whose calls cannot be seen: what code of a module names.
GENERATORS = {"seed", "manual_seed", "default_rng", "RandomState", "SeedSequence"}


class OwnValues:
    """What the task's module reads while it is imported. Libraries that it imports may read clocks and random numbers."""

    def __init__(self, module, forbid):
        self.package = module.partition(".")[0]
        self.forbid = forbid
        # Names of environment variables.
        self.reads = set()
        self.libraries = _library_directories()

    @contextmanager
    def watched(self):
        environs = [os.environ, os.environb]
        original = type(os.environ)
        arguments = sys.argv
        watched_environ = _watching(original, self._read_variable, self.forbid)
        for each in environs:
            each.__class__ = watched_environ
        sys.argv = _Arguments(arguments, self.forbid)
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(None)
            sys.argv = arguments
            for each in environs:
                each.__class__ = original

    def is_library(self, file):
        return file.startswith(self.libraries)

    def check_generators(self, modules):
        for module in modules:
            code = _code_of(module)
            if code is not None and GENERATORS.intersection(_names(code)):
                self.forbid("it seeds or makes generators of random numbers")

    def _read_variable(self, name):
        self.reads.add(os.fsdecode(name))

    def _profile(self, frame, event, function):
        if event != "c_call":
            return
        reason = _reason(function)
        if reason is not None and self._is_of_task(frame):
            self.forbid(reason)

    def _is_of_task(self, frame):
        """Not where a library is imported."""
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith("<frozen importlib"):
                return False
            name = str(frame.f_globals.get("__name__", ""))
            if name.partition(".")[0] == self.package or not (file.startswith("<") or self.is_library(file)):
                return True
            frame = frame.f_back
        return False


class _Arguments(list):
    def __init__(self, values, forbid):
        super().__init__(values)
        self._forbid = forbid

    def __getitem__(self, index):
        self._forbid("it reads the arguments of its process")
        return super().__getitem__(index)

    def __iter__(self):
        self._forbid("it reads the arguments of its process")
        return super().__iter__()


def _watching(original, read, forbid):
    class Watched(original):
        def __getitem__(self, name):
            read(name)
            return super().__getitem__(name)

        def __iter__(self):
            forbid("it reads all environment variables")
            return super().__iter__()

    return Watched


def _reason(function):
    owner = getattr(function, "__self__", None)
    if isinstance(owner, random.Random):
        return "it uses random numbers"
    if isinstance(owner, type) and issubclass(owner, datetime.date):
        return CALLS["time"]["reason"] if function.__name__ in ("now", "utcnow", "today") else None
    calls = CALLS.get((getattr(function, "__module__", None) or "").lstrip("_"))
    return calls["reason"] if calls is not None and function.__name__ in calls["names"] else None


def _library_directories():
    """Of the interpreter, of installed packages, and of what is mounted beside a worker."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = {sysconfig.get_paths()[name] for name in names}
    found.add(os.path.dirname(os.path.dirname(sys.modules["flyte"].__file__)))
    found.add(os.path.dirname(os.path.abspath(__file__)))
    return tuple(os.path.join(each, "") for each in found | {os.path.realpath(each) for each in found})


def _code_of(module):
    try:
        return module.__loader__.get_code(module.__name__)
    except Exception:
        return None


def _names(code):
    yield from code.co_names
    for constant in code.co_consts:
        # Not functions: their names begin a new scope, and they need not be called.
        if isinstance(constant, type(code)) and not constant.co_flags & 0x2:
            yield from _names(constant)
