"""Tries a fork with a whole action, before an attempt depends on it."""

import os
import select
import signal
import sys

from . import forked, processes
from .boot import BOOT
from .ending import ENDING
from .errors import Unavailable

SECONDS = 5
LONGEST_MESSAGE = 2000


def run():
    """Throws Unavailable where the action does not work, or not in time."""
    # It can be read when all processes that have the other end are over.
    reader, writer = os.pipe()
    with processes.memory_file() as output:
        number = forked.fork()
        if number == 0:
            _act(output.fileno())
        os.close(writer)
        has_ended = bool(select.select([reader], [], [], SECONDS)[0])
        os.close(reader)
        if not has_ended:
            processes.send(number, signal.SIGKILL)
        code = processes.exit_code(number)
        output.seek(0)
        text = output.read().decode("utf-8", "replace").strip()[-LONGEST_MESSAGE:]
    if not has_ended:
        raise Unavailable(f"a forked action had not ended after {SECONDS} s: {text}")
    if code != 0:
        raise Unavailable(f"a forked action ended with code {code}: {text}")


def _act(output):
    try:
        os.setsid()
        forked.repair(output, output, lambda: None)
        # probe.py has the action.
        sys.path.insert(0, os.path.dirname(BOOT))
        import probe

        probe.run_action()
        ENDING.expect(0)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}".encode())
        os._exit(1)
    sys.exit(0)
