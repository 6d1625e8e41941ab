"""Waits for descriptors in a process that has one thread."""

import selectors


class Poll:
    def __init__(self):
        # That of Linux would be shared with forks.
        self.selector = selectors.PollSelector()

    def add_reader(self, fd, callback):
        self.selector.register(fd, selectors.EVENT_READ, callback)

    def remove_reader(self, fd):
        self.selector.unregister(fd)

    def wait(self, seconds=None):
        """Calls back for all that can be read now; waits for the first."""
        for key, _ in self.selector.select(seconds):
            # An earlier callback may have removed it.
            if key.fd in self.selector.get_map():
                key.data()
