"""Imports what an action imports, so that it is there when an attempt comes."""

import importlib
import platform

from . import boot, caches, tls
from .errors import Unavailable
from .modules import MODULES
from .preload import preload


class Runtime:
    def __init__(self, sdk, preloaded, left_out):
        self.sdk = sdk
        self.preloaded = preloaded
        self.left_out = left_out

    def ready(self, mode, known):
        """The first report of each connection."""
        return {
            "event": "ready",
            "mode": mode,
            "runtime": "python " + platform.python_version(),
            "sdk": "flyte " + self.sdk,
            "known": known,
            "preloaded": self.preloaded,
            "leftOut": self.left_out,
        }


def load(options):
    """Throws Unavailable. Creates no client of a network and no thread of its own."""
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
    caches.fill()
    tls.stock()
    return Runtime(getattr(flyte, "__version__", "unknown"), preload(options), options.without)
