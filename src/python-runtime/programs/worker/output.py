"""Copies what an attempt prints from a pipe to its file: with files, `echo >/dev/stdout` would empty them."""

import os

LONGEST_READ = 1 << 16


class Output:
    def __init__(self, file, poll):
        self.file = file
        self.poll = poll
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        poll.add_reader(self.reader, self.copy)

    def copy(self):
        """All that is there."""
        while self.reader is not None:
            try:
                data = os.read(self.reader, LONGEST_READ)
            except BlockingIOError:
                return
            if not data:
                self.close()
                return
            self._write(data)

    def close(self):
        """What is in the pipe is lost; `copy` comes before."""
        if self.reader is not None:
            self.poll.remove_reader(self.reader)
            os.close(self.reader)
            os.close(self.file)
            self.reader = None

    def close_writer(self):
        os.close(self.writer)

    def _write(self, data):
        try:
            while data:
                data = data[os.write(self.file, data) :]
        except OSError:
            # A full disk: the attempt goes on, as with the log of an engine.
            return
