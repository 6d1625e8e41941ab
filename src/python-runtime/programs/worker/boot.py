"""The program that starts a mounted a0: a worker finds modules as it does."""

import importlib.util
import os
import sys

BOOT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "boot.py")


def install(mode, runtime):
    """See boot.py."""
    name = __package__ + ".boot_program"
    spec = importlib.util.spec_from_file_location(name, BOOT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    module.install(mode, runtime)
