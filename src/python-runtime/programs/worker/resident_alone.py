"""What surrounds an attempt that has the process for itself: output, variables, arguments and working directory of a process.

Whatever writes to the descriptors 1 and 2 writes to the attempt's files, also code in C and child processes. A program that
opens /dev/stdout anew, to write from its beginning, empties the file.
"""

import os
import signal
import sys
from contextlib import contextmanager

from . import processes
from .resident_environ import Variables
from .resident_health import child_processes


class Alone:
    def __init__(self, program):
        self.program = program
        self.stdout = os.dup(1)
        self.stderr = os.dup(2)
        self.directory = os.getcwd()
        self.umask = os.umask(0)
        os.umask(self.umask)

    @contextmanager
    def of(self, attempt):
        attempt.variables = Variables({})
        older = child_processes()
        flush()
        _redirect(attempt.files.open("stdout"), 1)
        _redirect(attempt.files.open("stderr"), 2)
        os.environ.update(attempt.env)
        sys.argv[:] = [self.program, *attempt.args]
        try:
            yield
        finally:
            if attempt.was_signalled():
                # With a container of its own they would be gone.
                for number in set(child_processes()) - set(older):
                    processes.send(number, signal.SIGKILL)
            flush()
            os.dup2(self.stdout, 1)
            os.dup2(self.stderr, 2)
            attempt.variables.restore()
            os.umask(self.umask)
            os.chdir(self.directory)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            # Closed or replaced by the attempt: see resident_health.py.
            continue


def _redirect(file, descriptor):
    os.dup2(file, descriptor)
    os.close(file)
