"""Makes forks of this process that an attempt can run in."""

import os
import sys
import warnings

from . import own_code, processes, syncify
from .ending import ENDING


def prepare():
    """Throws Unavailable. From now on this process only forks."""
    processes.protect(True)
    syncify.stop()
    ENDING.share()


def fork():
    """As os.fork, without the warning of Python 3.12 for the threads of numerical libraries, which know how to be forked."""
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return os.fork()


def repair(stdout, stderr, on_own_code):
    """In a fork that leads a session: what a new process would have. `on_own_code` is called before the code of the task runs."""
    processes.protect(False)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    # `random` does so itself.
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    syncify.start()
    if not own_code.call_before(on_own_code):
        on_own_code()
