"""Stops in pdb where the function of a task raised.

Python imports the module of this name when it starts, and the directory of this one is put first on PYTHONPATH: so it does
not matter how the program of the task is started. It registers an observer of tasks with flyte (flyte/_observe.py,
2.12.1), which is what that package offers programs outside of it, and gets each exception before flyte turns it into an
error document.

Runs with Python 3.10 and later; the standard library only.
"""

import atexit
import contextlib
import importlib.util
import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder

OBSERVERS = "flyte._observe"
RUNNER = "flyte._internal.runtime.taskrunner"


class Debugger:
    """An observer of flyte's."""

    def task_span(self, info, recorder):
        return stop_after(recorder)

    def step_span(self, info, recorder):
        return contextlib.nullcontext()


@contextlib.contextmanager
def stop_after(recorder):
    yield
    error = recorder.error
    if error is not None and error.__traceback__ is not None:
        import pdb
        import traceback

        traceback.print_exception(type(error), error, error.__traceback__)
        print("the task stopped here; its variables are as they were, and q goes on", file=sys.stderr, flush=True)
        pdb.post_mortem(error.__traceback__)


class ObserversFinder(MetaPathFinder):
    """Registers the observer as soon as flyte has observers."""

    def find_spec(self, name, path=None, target=None):
        if name != OBSERVERS:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None:
            spec.loader = RegisteringLoader(spec.loader)
        return spec


class RegisteringLoader(Loader):
    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        self.loader.exec_module(module)
        module.register_observer(Debugger())


def say_if_unobserved():
    if RUNNER in sys.modules and OBSERVERS not in sys.modules:
        print("this version of flyte has no observers, so pdb was not started: --pdb needs 2.12", file=sys.stderr)


def run_hidden():
    """The image may have a module of this name: it is run as if this one were not there."""
    own = os.path.dirname(os.path.abspath(__file__))
    others = [entry for entry in sys.path if os.path.abspath(entry) != own]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


sys.meta_path.insert(0, ObserversFinder())
atexit.register(say_if_unobserved)
run_hidden()
