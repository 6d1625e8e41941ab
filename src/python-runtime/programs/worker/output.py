"""Copies what an attempt prints from a pipe to its file: with files, `echo >/dev/stdout` would empty them."""

import os

LONGEST_READ = 1 << 16
# Then it is another descriptor's turn.
READS_IN_TURN = 16


class Output:
    def __init__(self, file, poll):
        self.file = file
        self.poll = poll
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        poll.add_reader(self.reader, self.copy)

    def copy(self):
        """False when there is no more for now."""
        for _ in range(READS_IN_TURN):
            try:
                data = os.read(self.reader, LONGEST_READ)
            except BlockingIOError:
                return False
            if not data:
                self.close()
                return False
            self._write(data)
        return True

    def finish(self):
        """When nobody writes any more."""
        while self.reader is not None and self.copy():
            pass
        self.close()

    def close(self):
        """What is in the pipe is lost."""
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
