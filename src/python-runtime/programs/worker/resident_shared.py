"""What surrounds attempts that share the process.

What Python code prints, and logging, goes to the files of the attempt that it belongs to. What is written to the descriptors
1 and 2 without sys.stdout and sys.stderr cannot be told apart and goes to the container's output; so does what child
processes print, unless they are given a stream. The working directory, sys.argv and the umask are the process's.
"""

import io
import os
import sys
from contextlib import contextmanager

from .resident_current import current
from .resident_environ import Variables

NAMES = ("stdout", "stderr")


class Shared:
    def __init__(self):
        self.directory = os.getcwd()
        self.running = 0
        for name in NAMES:
            setattr(sys, name, Stream(name))

    @contextmanager
    def of(self, attempt):
        attempt.variables = Variables(attempt.env)
        attempt.streams = {name: _open(attempt.files.open(name), name) for name in NAMES}
        self.running += 1
        try:
            yield
        finally:
            for stream in attempt.streams.values():
                # Closed by the attempt.
                if not stream.closed:
                    stream.close()
            attempt.variables.restore()
            self.running -= 1
            if self.running == 0:
                os.chdir(self.directory)


class Stream:
    """sys.stdout or sys.stderr: that of the attempt that uses it, else the container's."""

    def __init__(self, name):
        self._name = name
        self._container = getattr(sys, name)

    def write(self, text):
        return self._target().write(text)

    def flush(self):
        self._target().flush()

    def __getattr__(self, name):
        return getattr(self._target(), name)

    def __iter__(self):
        return iter(self._target())

    def _target(self):
        attempt = current()
        stream = attempt and attempt.streams.get(self._name)
        # Threads may live longer than their attempt.
        return self._container if stream is None or stream.closed else stream


def _open(file, name):
    """As the interpreter opens its own."""
    like = getattr(sys, f"__{name}__")
    unbuffered = like.write_through
    raw = io.FileIO(file, "w")
    return io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),
        encoding=like.encoding,
        errors=like.errors,
        line_buffering=like.line_buffering,
        write_through=unbuffered,
    )
