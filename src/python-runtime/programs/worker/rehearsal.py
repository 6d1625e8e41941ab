"""Imports the module of a task in a fork that is given up unless the import does nothing that an attempt would notice."""

import gc
import importlib
import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager

from . import processes, self_test
from .effects import Effects
from .errors import Unavailable
from .own_values import OwnValues
from .preload import HARMLESS_THREADS, captured
from .task_module import fingerprints

# Of the memory limit: what the module takes stays allocated beside attempts.
LARGEST_SHARE = 1 / 16

# Files that have no time of a change.
KERNEL = ("/dev/", "/proc/", "/sys/")


def rehearse(task_module, path):
    """Imports it with this module path. Returns what must be the same for an attempt that uses it; throws Unavailable."""
    modules, states, memory = set(sys.modules), _states(), processes.own_memory()
    effects = Effects()
    values = OwnValues(task_module.name, effects.forbid)
    _import(task_module.name, path, effects, values)
    for reason, state in _states().items():
        if state != states[reason]:
            effects.forbid(reason)
    added = [module for name, module in list(sys.modules.items()) if name not in modules]
    files = {file for module in added if isinstance(file := getattr(module, "__file__", None), str)}
    own = {file for file in files | effects.files if not values.is_library(file) and not file.startswith(KERNEL)}
    values.check_generators(module for module in added if getattr(module, "__file__", None) in own)
    if processes.own_memory() - memory > LARGEST_SHARE * processes.memory_limit():
        effects.forbid("it takes much of the memory that an attempt may have")
    if effects.reason is not None:
        raise Unavailable(effects.reason)
    # Not frozen: what is in cycles is deleted when an attempt ends.
    gc.collect()
    self_test.run()
    return {"variables": sorted(values.reads), "files": fingerprints(own)}


def _import(name, path, effects, values):
    own_path = sys.path[:]
    sys.path[:] = path
    with captured() as output:
        try:
            with _without_configuration(effects.forbid), effects.watched(), values.watched():
                importlib.import_module(name)
        except BaseException as error:
            effects.forbid(f"{type(error).__name__}: {error}")
    if output:
        effects.forbid(f"it prints: {output[0]}")
    if sys.path != path:
        effects.forbid("it changes the module path")
    sys.path[:] = own_path


@contextmanager
def _without_configuration(forbid):
    """In an attempt flyte is configured before the module is imported, here it is not."""
    from flyte import _initialize

    original = _initialize._get_init_config

    def get_init_config():
        forbid("it reads flyte's configuration")
        return original()

    _initialize._get_init_config = get_init_config
    try:
        yield
    finally:
        _initialize._get_init_config = original


def _states():
    """By what is wrong with an import that changes it."""
    from flyte import _initialize

    root, cuda = logging.getLogger(), sys.modules.get("torch.cuda")
    names = [name for name in processes.threads() if name not in HARMLESS_THREADS]
    return {
        "it starts threads": (names, threading.active_count()),
        "it starts processes": processes.children(),
        "it leaves files or connections open": sorted(os.listdir("/proc/self/fd")),
        "it installs a signal handler": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "it configures logging": (list(root.handlers), root.level, root.manager.disable, logging.getLogRecordFactory()),
        "it replaces a hook or stream": (sys.excepthook, sys.unraisablehook, threading.excepthook, sys.stdout, sys.stderr),
        "it configures flyte": _initialize._init_config,
        "it initialises CUDA": cuda is not None and cuda.is_initialized(),
    }
