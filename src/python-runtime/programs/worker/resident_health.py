"""Whether the process has changed in a way that the next attempt would notice."""

import _signal
import gc
import glob
import os
import signal
import sys
import threading
from concurrent.futures import thread as pools

# Caches fill and models are loaded meanwhile.
FIRST_ATTEMPTS = 5
# A worker that has grown by this part of what it may use is replaced before it runs out of memory.
GROWTH = 0.5
MOST_NEW_THREADS = 64
MOST_CHILDREN = 64
SIGNALS = sorted(signal.valid_signals())
PAGE = os.sysconf("SC_PAGE_SIZE")


class Health:
    def __init__(self, available):
        """`available`: bytes that the process may use."""
        self.max_growth = GROWTH * available
        self.attempts = 0
        self.memory = 0
        self.streams = (sys.stdout, sys.stderr)
        self.loaded()

    def loaded(self):
        """What the modules of tasks have done as they were imported is what later attempts expect."""
        self.handlers = _handlers()
        self.threads = set(threading.enumerate())

    def problem(self, idle):
        """After an attempt: why the process takes no further one, or None. `idle`: no other one runs."""
        self.attempts += 1
        return (
            self._memory()
            or self._streams()
            or (self._signals() if idle else None)
            or self._threads(idle)
            or _children()
        )

    def _memory(self):
        memory = resident_memory()
        if self.attempts <= FIRST_ATTEMPTS:
            self.memory = max(self.memory, memory)
        elif memory - self.memory > self.max_growth:
            gc.collect()
            growth = resident_memory() - self.memory
            if growth > self.max_growth:
                return f"its memory has grown by {growth >> 20} MiB since the first {FIRST_ATTEMPTS} attempts"
        return None

    def _streams(self):
        for name, stream in zip(("stdout", "stderr"), self.streams):
            if stream.closed:
                return f"sys.{name} was closed"
            setattr(sys, name, stream)
        return None

    def _signals(self):
        if (handlers := _handlers()) == self.handlers:
            return None
        changed = [signal.Signals(number).name for number in SIGNALS if handlers[number] != self.handlers[number]]
        return f"the handler of {', '.join(changed)} was changed"

    def _threads(self, idle):
        new = [thread for thread in threading.enumerate() if thread not in self.threads]
        # Those of pools live as long as the pool.
        pooled = set(getattr(pools, "_threads_queues", ()))
        blocking = [thread.name for thread in new if not thread.daemon and thread not in pooled]
        if idle and blocking:
            return f"the thread {blocking[0]} still runs"
        return f"{len(new)} threads were left behind" if len(new) > MOST_NEW_THREADS else None


def resident_memory():
    """Bytes."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * PAGE


def child_processes():
    """The numbers of this process's children."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return []
    found = []
    for path in glob.glob("/proc/self/task/*/children"):
        try:
            with open(path) as file:
                found += [int(number) for number in file.read().split()]
        except OSError:
            # The thread has ended.
            continue
    return found


def _handlers():
    # Without the enumerations of `signal`, which take a tenth of a millisecond.
    return {number: _signal.getsignal(number) for number in SIGNALS}


def _children():
    count = len(child_processes())
    return f"{count} processes were left behind" if count > MOST_CHILDREN else None
