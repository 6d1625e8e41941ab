"""Imports what an action imports, so that it is there when an attempt comes."""

import importlib
import platform

from . import boot
from .errors import Unavailable
from .modules import MODULES


class Runtime:
    def __init__(self, sdk):
        self.sdk = sdk

    def ready(self, mode, known):
        """The first report of each connection."""
        return {
            "event": "ready",
            "mode": mode,
            "runtime": "python " + platform.python_version(),
            "sdk": "flyte " + self.sdk,
            "known": known,
        }


def load(options):
    """Throws Unavailable."""
    if options.boot:
        try:
            boot.install(*options.boot)
        except (OSError, ValueError, KeyError) as error:
            raise Unavailable(f"the mounted runtime could not be read: {error}") from error
    try:
        import flyte
        import flyte._bin.runtime
    except Exception as error:
        raise Unavailable(f"flyte could not be imported: {type(error).__name__}: {error}") from error
    for name in MODULES:
        try:
            importlib.import_module(name)
        except Exception:
            # Of another version of flyte; if an attempt needs it, the attempt says why it fails.
            continue
    return Runtime(getattr(flyte, "__version__", "unknown"))
