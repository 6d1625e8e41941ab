"""Libraries that take long to import, and may be imported before an attempt asks for them.

One that fails or prints at import would do so at another time than without a worker, and a thread that it starts would be
missing in forks. What was imported cannot be undone, so then the interpreter starts again without it.
"""

import contextlib
import importlib
import importlib.util
import os
import sys
import threading

from . import memory, processes

LIBRARIES = ("numpy", "pandas", "pyarrow", "sklearn", "torch")
# With torch they take some 500 MB, which an attempt that uses none of them would miss.
AMPLE_BYTES = 2 << 30
# Of numerical libraries, which know how to be forked, beside such with the interpreter's own name. Those of OpenMP have that
# name too; importing is not enough to start what would hang in a fork.
HARMLESS_THREADS = ("jemalloc_bg_thd",)


def libraries(mode):
    """Those to import ahead. Only forks share the time that it takes, and all of the memory, among many attempts."""
    return LIBRARIES if mode == "fork" and memory.limit() >= AMPLE_BYTES else ()


def preload(options):
    """Returns the names of those that were imported."""
    names = libraries(options.mode) if options.preload is None else options.preload
    return [name for name in names if name not in options.without and _import(name, options)]


def _import(name, options):
    if name in sys.modules or not _is_there(name):
        return False
    threads, own_threads = processes.threads(), threading.active_count()
    with captured() as output:
        try:
            importlib.import_module(name)
        except BaseException as error:
            reason = f"{type(error).__name__}: {error}"
        else:
            reason = None
    if reason is None and output:
        reason = f"it prints when it is imported: {output[0]}"
    if reason is None and options.mode == "fork":
        harmless = (*HARMLESS_THREADS, *([processes.name()] if name in LIBRARIES else []))
        added = [thread for thread in _difference(processes.threads(), threads) if thread not in harmless]
        if added or threading.active_count() > own_threads:
            reason = f"it starts threads when it is imported: {', '.join(added) or 'of Python'}"
    if reason is not None:
        _start_again(name, reason)
    return True


def _is_there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _difference(after, before):
    rest = list(before)
    for name in after:
        if name in rest:
            rest.remove(name)
        else:
            yield name


@contextlib.contextmanager
def captured():
    """A list with what is printed meanwhile, if anything is."""
    text = []
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with processes.memory_file() as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield text
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for fd, copy in zip((1, 2), kept):
                os.dup2(copy, fd)
                os.close(copy)
            file.seek(0)
            printed = file.read(200).decode("utf-8", "replace").strip()
            if printed:
                text.append(printed)


def _start_again(name, reason):
    os.execv(sys.executable, [*sys.orig_argv, "--without", name, reason[:300]])
