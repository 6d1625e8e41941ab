"""Runs a0 in this process as if the interpreter had been started for it."""

import builtins
import os
import sys
import types
from importlib.machinery import SourceFileLoader

from .boot import BOOT
from .ending import ENDING
from .errors import Unavailable


class Program:
    """What the interpreter would have been started with: the image's own a0, or boot.py."""

    def __init__(self, options):
        if options.boot:
            self.file, self.words = BOOT, list(options.boot)
        elif options.a0:
            self.file, self.words = options.a0, []
        else:
            raise Unavailable("neither --a0 nor --boot says what runs an attempt")
        try:
            with open(self.file, "rb") as file:
                self.code = compile(file.read(), self.file, "exec", dont_inherit=True)
        except (OSError, SyntaxError, ValueError) as error:
            raise Unavailable(f"{self.file} could not be read as a Python program: {error}") from error
        if not options.boot:
            self._find_beside()

    def run(self, order):
        if self.words:
            self._find_beside()
        os.environ.update(order["env"])
        arguments = [self.file, *self.words, *order["args"]]
        sys.argv[:] = arguments
        sys.orig_argv[:] = [sys.orig_argv[0], *arguments]
        module = main_module(self.file)
        sys.modules["__main__"] = module
        try:
            exec(self.code, module.__dict__)
        except SystemExit as error:
            # Whoever keeps it does not see frames of a worker in its traceback.
            error.__traceback__ = self._without_own_frames(error.__traceback__)
            code = error.code
        except BaseException:
            sys.excepthook = self._without_own_frames_in(sys.excepthook)
            raise
        else:
            code = None
        ENDING.expect(code)
        sys.exit(code)

    def _find_beside(self):
        """As the interpreter does for a program; boot.py undoes it."""
        if not getattr(sys.flags, "safe_path", False) and not sys.flags.isolated:
            sys.path.insert(0, os.path.dirname(os.path.realpath(self.file)))

    def _without_own_frames_in(self, hook):
        def report(kind, error, trace):
            trace = self._without_own_frames(trace)
            hook(kind, error.with_traceback(trace), trace)

        return report

    def _without_own_frames(self, trace):
        while trace is not None and trace.tb_frame.f_code is not self.code:
            trace = trace.tb_next
        return trace


def main_module(file):
    """Of a program. Processes that multiprocessing spawns read its file."""
    module = types.ModuleType("__main__")
    module.__dict__.update(
        __annotations__={},
        __builtins__=builtins,
        __cached__=None,
        __file__=file,
        __loader__=SourceFileLoader("__main__", file),
    )
    return module
