"""A worker: a process that has a0 and what it imports loaded before it gets attempts.

    INTERPRETER THIS_DIRECTORY one_shot|fork|resident DIRECTORY [options]

DIRECTORY is that of the worker; src/domain/worker-protocol.ts says what is in it and which orders and reports there are.
Runs with Python 3.10 and later; the standard library only.
"""

import importlib
import importlib.util
import os
import sys

# The modules of a worker are in a package, so that their names are free for those of tasks.
PACKAGE = "boxkite_worker"


def load_package():
    directory = os.path.dirname(os.path.abspath(__file__))
    # As for an installed a0, the directory of the program is not on the module path.
    if sys.path and os.path.abspath(sys.path[0]) == directory:
        del sys.path[0]
    file = os.path.join(directory, "__init__.py")
    spec = importlib.util.spec_from_file_location(PACKAGE, file, submodule_search_locations=[directory])
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    load_package()
    # Its exit function is the last one only if it comes first.
    importlib.import_module(PACKAGE + ".ending")
    importlib.import_module(PACKAGE + ".start").main(sys.argv[1:])
