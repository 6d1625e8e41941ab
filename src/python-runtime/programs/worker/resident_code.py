"""The code of tasks: fetched once, imported once."""

import asyncio

from flyte.models import CodeBundle

# Each child of a task that is pickled has a bundle of its own.
MOST_PICKLED = 100


class Code:
    def __init__(self, sdk):
        self.entrypoints = sdk.entrypoints
        self.lock = asyncio.Lock()
        self.fetched = {}
        self.pickled = {}

    def bundle(self, call):
        """As the task and its children know it; None: the code is in the image."""
        if not (call.tgz or call.pkl):
            return None
        return CodeBundle(tgz=call.tgz, pkl=call.pkl, destination=call.dest, computed_version=call.version)

    def is_other(self, call):
        """Whether another version of the code is imported already."""
        archives = {tgz for tgz, _ in self.fetched if tgz}
        return bool(call.tgz and archives and call.tgz not in archives)

    async def fetch(self, bundle):
        """Returns it with its path."""
        if bundle is None:
            return None
        key = (bundle.tgz, bundle.pkl)
        async with self.lock:
            if key not in self.fetched:
                if len(self.pickled) >= MOST_PICKLED:
                    self._forget_pickled()
                self.fetched[key] = await self.entrypoints.download_code_bundle(bundle)
        return self.fetched[key]

    def load(self, call, fetched):
        """The task. Runs the code of its module the first time."""
        if fetched is not None and fetched.pkl:
            if fetched.pkl not in self.pickled:
                self.pickled[fetched.pkl] = self.entrypoints.load_pkl_task(fetched)
            return self.pickled[fetched.pkl]
        return self.entrypoints.load_task(call.resolver, *call.resolver_args)

    def _forget_pickled(self):
        self.pickled.clear()
        self.fetched = {key: value for key, value in self.fetched.items() if key[0]}
