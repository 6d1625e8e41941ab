"""An attempt in a fork of this process."""

import os
import signal
import time

from . import forked, processes
from .attempt_files import AttemptFiles
from .output import Output

# After SIGKILL, for what the attempt has left behind.
SECONDS_TO_END = 2


class ForkedAttempt:
    def __init__(self, order, directory, poll, on_started):
        self.id = order["id"]
        self.poll = poll
        self.on_started = on_started
        self.files = AttemptFiles(directory, self.id)
        self.outputs = [Output(self.files.open(name), poll) for name in ("stdout", "stderr")]
        # It is written to when the attempt comes to its own code.
        self.mark, self.marker = os.pipe()
        poll.add_reader(self.mark, self._marked)
        self.process = None
        self.code = None
        self.has_started = False
        self.was_signalled = False
        # By time.monotonic: when the watchdog ends it, or what it left behind counts as not to be ended.
        self.deadline = None
        self.unstarted = None

    def fork(self, watchdog, leave):
        """True in the child, where leave() closes what is the parent's. May raise OSError."""
        self.process = forked.fork()
        if self.process == 0:
            os.setsid()
            leave()
            forked.repair(*(output.writer for output in self.outputs), self._come_to_own_code)
            self._close()
            return True
        self._close_child_ends()
        self.deadline = time.monotonic() + watchdog
        return False

    def send(self, signum):
        """To all its processes."""
        if self.process is None or self.code is not None:
            return
        self.was_signalled = True
        # The group is there when the child has made it.
        processes.send(self.process, signum)
        processes.send(self.process, signum, to=os.killpg)

    def watch(self, now):
        if self.code is None and not self.has_started and self.deadline is not None and now >= self.deadline:
            self.unstarted = "it did not come to the task's code in time"
            self.deadline = None
            processes.send(self.process, signal.SIGKILL, to=os.killpg)

    def process_ended(self):
        """Its first process has ended and was not waited for yet."""
        processes.send(self.process, signal.SIGKILL, to=os.killpg)
        self.code = processes.exit_code(self.process)
        self._marked()
        self.deadline = time.monotonic() + SECONDS_TO_END
        if not self.has_started and self.code != 0 and not self.was_signalled and self.unstarted is None:
            self.unstarted = f"it ended with code {self.code} before it came to the task's code"

    def not_forked(self, reason):
        self.unstarted, self.code = reason, 1
        self._close_child_ends()

    def conclude(self):
        """Writes how it ended."""
        for output in self.outputs:
            output.copy()
            output.close()
        self._close_mark()
        if self.unstarted is not None:
            self.files.write("unstarted", self.unstarted)
        self.files.write("exit", str(self.code))

    def leave(self):
        """In a fork for another attempt."""
        for output in self.outputs:
            output.close()
        self._close_mark()

    def _marked(self):
        if self.mark is None:
            return
        os.set_blocking(self.mark, False)
        try:
            has_come = os.read(self.mark, 1) != b""
        except BlockingIOError:
            return
        self._close_mark()
        if has_come:
            self.has_started = True
            self.deadline = None
            self.on_started(self)

    def _come_to_own_code(self):
        """In the child."""
        os.write(self.marker, b"1")
        os.close(self.marker)

    def _close(self):
        """In the child: of its own output it has copies."""
        for output in self.outputs:
            output.close_writer()

    def _close_child_ends(self):
        for output in self.outputs:
            output.close_writer()
        os.close(self.marker)

    def _close_mark(self):
        if self.mark is not None:
            self.poll.remove_reader(self.mark)
            os.close(self.mark)
            self.mark = None
