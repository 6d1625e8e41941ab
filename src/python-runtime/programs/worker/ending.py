"""Ends an attempt without taking apart what was loaded before it, of which a fork would copy each page.

By then threads have been joined and exit functions called. What is left for the interpreter is to free the modules of the
task, so that its files are flushed and its objects deleted, and to leave by `exit` of the C library.
"""

import atexit
import ctypes
import gc
import os
import sys
import types
from importlib.machinery import ExtensionFileLoader

# Of those that are shared, such as were removed and imported again stand between those of the task.
MODULES_BETWEEN = 50


class Ending:
    """Of this process."""

    def __init__(self):
        # The first that is registered is called last.
        self.is_last = hasattr(atexit, "_ncallbacks") and atexit._ncallbacks() == 0
        self.shared = None
        self.code = None
        atexit.register(self._end)

    def share(self):
        """What is loaded now is not taken apart when this process or a fork of it ends."""
        gc.collect()
        # No collection reads or writes what is here now, so pages stay shared between forks.
        gc.freeze()
        self.shared = set(sys.modules)

    def expect(self, code):
        """The interpreter ends with this code of sys.exit; with one that it would print, it does so by itself."""
        if code is None:
            self.code = 0
        elif isinstance(code, int) and 0 <= code <= 255:
            self.code = int(code)

    def _end(self):
        own = [] if self.shared is None else self._own_modules()
        if self.shared is None or self.code is None or not self.is_last or any(map(_is_foreign, own)):
            gc.unfreeze()
            return
        # The interpreter does so before it takes modules apart.
        if gc.isenabled():
            gc.collect()
        for names in [vars(module) for module in own]:
            _clear(names)
        del own, names
        gc.collect()
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except Exception:
            return
        # With the lock of the interpreter, so that no thread goes on.
        ctypes.PyDLL(None).exit(self.code)

    def _own_modules(self):
        """Those of the task, the last one first. The search touches as few others as possible."""
        names, others = [], 0
        for name in reversed(sys.modules):
            if name not in self.shared:
                names.append(name)
                others = 0
            else:
                others += 1
                if others > MODULES_BETWEEN:
                    break
        # A task may put anything there.
        found = [sys.modules.get(name) for name in (*names, "__main__")]
        return [module for module in found if isinstance(module, types.ModuleType)]


def _is_foreign(module):
    """An extension module that is not Python's own: it may have functions that only the interpreter calls when it ends."""
    is_extension = isinstance(getattr(module, "__loader__", None), ExtensionFileLoader)
    return is_extension and os.path.basename(os.path.dirname(str(getattr(module, "__file__", "")))) != "lib-dynload"


def _clear(names):
    """As the interpreter does for a module."""
    for is_private in (True, False):
        for name in list(names):
            if name != "__builtins__" and is_private == (name[0:1] == "_" and name[1:2] != "_"):
                names[name] = None


ENDING = Ending()
