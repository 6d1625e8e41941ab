"""The thread in which flyte runs coroutines for synchronous callers: a fork has none, so it is started there."""

import asyncio
import atexit
import threading

from .errors import Unavailable


def stop():
    """Until `start`, this process has no thread of flyte. Throws Unavailable for a version that is made in another way."""
    background = _background_loop()
    # Its loop is another one when a fork ends.
    atexit.unregister(background.stop)
    background.stop()
    background.thread.join(5)
    if background.thread.is_alive():
        raise Unavailable("the background thread of flyte does not end")
    background.loop.close()


def start():
    background = _background_loop()
    background.loop = asyncio.new_event_loop()
    background.thread = threading.Thread(name=background.thread.name, target=background._run, daemon=True)
    background.thread.start()
    atexit.register(background.stop)


def _background_loop():
    try:
        from flyte.syncify import syncify

        background = syncify._bg_loop
        if not all(hasattr(background, name) for name in ("loop", "thread", "stop", "_run")):
            raise AttributeError("_BackgroundLoop has another form")
        return background
    except (ImportError, AttributeError) as error:
        raise Unavailable(f"this version of flyte cannot be forked: {error}") from error
