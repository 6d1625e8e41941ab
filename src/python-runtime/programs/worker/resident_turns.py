"""Who may run the task's code, among attempts that share a process.

Async tasks run beside each other. A sync task, which runs in a thread, runs beside no other: it starts when every other
attempt waits for children or conditions, and none starts while it does not wait for some itself. So a parent never keeps
its own child from running.
"""

import asyncio
from collections import deque


class Turns:
    """For the thread of the event loop."""

    def __init__(self):
        self.holders = {}
        self.queue = deque()

    async def take(self, attempt, is_sync):
        granted = asyncio.get_running_loop().create_future()
        self.queue.append((attempt, is_sync, granted))
        self.admit()
        await granted

    def give(self, attempt):
        self.holders.pop(attempt, None)
        self.admit()

    def admit(self):
        """Called when an attempt begins to wait, too."""
        while self.queue:
            attempt, is_sync, granted = self.queue[0]
            if not granted.done():
                busy = (other_is_sync for other, other_is_sync in self.holders.items() if not other.is_waiting())
                if any(is_sync or other_is_sync for other_is_sync in busy):
                    return
                self.holders[attempt] = is_sync
                granted.set_result(None)
            self.queue.popleft()
