"""An attempt in a fork of this process."""

import json
import os
import signal
import time

from . import forked, own_code, processes
from .attempt_files import AttemptFiles
from .output import Output

# After SIGKILL, for what the attempt has left behind.
SECONDS_TO_END = 2
LONGEST_READ = 1 << 16


class ForkedAttempt:
    """on_imported(report) is called, where it is given, when a fork of the first process has imported its module."""

    def __init__(self, order, directory, poll, on_started, on_imported=None):
        self.order = order
        self.id = order["id"]
        self.poll = poll
        self.on_started = on_started
        self.on_imported = on_imported
        files = AttemptFiles(directory, self.id)
        self.outputs = [Output(files.open(name), poll) for name in ("stdout", "stderr")]
        # One byte when the attempt comes to its own code, and then, where it is wanted, the report of its import.
        self.mark, self.marker = os.pipe()
        os.set_blocking(self.mark, False)
        self.marked = b""
        poll.add_reader(self.mark, self._marked)
        self.process = None
        self.code = None
        self.has_started = False
        self.was_signalled = False
        # By time.monotonic: when the watchdog ends it, or what it left behind counts as not to be ended.
        self.deadline = None
        self.unstarted = None

    def fork(self, template):
        """From the template, if there is one and it works. True in a child of this process. May raise OSError, in the parent."""
        if template is not None:
            writers = [output.writer for output in self.outputs]
            self.process = template.fork(self.order, [*writers, self.marker])
            if self.process is not None:
                return False
        self.process = forked.fork()
        return self.process == 0

    def begin(self, watchdog):
        """In the parent."""
        self._close_child_ends()
        self.deadline = time.monotonic() + watchdog

    def become(self, leave):
        """In the child, where leave() closes what is the parent's."""
        os.setsid()
        leave()
        forked.repair(*(output.writer for output in self.outputs), self._come_to_own_code)
        for output in self.outputs:
            output.close_writer()

    def send(self, signum):
        """To all its processes."""
        if self.process is None or self.code is not None:
            return
        self.was_signalled = True
        processes.send_to_group(self.process, signum)

    def watch(self, now):
        if self.code is None and not self.has_started and self.deadline is not None and now >= self.deadline:
            self.unstarted = "it did not come to the task's code in time"
            self.deadline = None
            processes.send_to_group(self.process, signal.SIGKILL)

    def process_ended(self):
        """Its first process has ended and was not waited for yet."""
        processes.send_to_group(self.process, signal.SIGKILL)
        self.code = processes.exit_code(self.process)
        self._marked()
        self.deadline = time.monotonic() + SECONDS_TO_END
        if self.has_started:
            # It came to it just before the watchdog ended it.
            self.unstarted = None
        elif self.code != 0 and not self.was_signalled and self.unstarted is None:
            self.unstarted = f"it ended with code {self.code} before it came to the task's code"

    def abandon(self):
        """It could not be forked."""
        self._close_child_ends()
        self.leave()

    def finish(self):
        """It is over: what it printed is in its files."""
        for output in self.outputs:
            output.finish()
        self._close_mark()

    def leave(self):
        """In a fork for another attempt."""
        for output in self.outputs:
            output.close()
        self._close_mark()

    def _marked(self):
        while self.mark is not None:
            try:
                data = os.read(self.mark, LONGEST_READ)
            except BlockingIOError:
                return
            self.marked += data
            if data and not self.has_started:
                self.has_started = True
                self.deadline = None
                self.on_started(self)
            if not data:
                self._close_mark()
                self._read_report(self.marked[1:])

    def _read_report(self, text):
        try:
            report = json.loads(text)
        except ValueError:
            # It ended before, or none was wanted.
            return
        if self.on_imported is not None:
            self.on_imported(report)

    def _come_to_own_code(self):
        """In the child."""
        os.write(self.marker, b"1")
        if self.on_imported is None:
            os.close(self.marker)
        else:
            own_code.report_import(self._report_import)

    def _report_import(self, report):
        os.write(self.marker, json.dumps(report).encode())
        os.close(self.marker)

    def _close_child_ends(self):
        for output in self.outputs:
            output.close_writer()
        os.close(self.marker)

    def _close_mark(self):
        if self.mark is not None:
            self.poll.remove_reader(self.mark)
            os.close(self.mark)
            self.mark = None
