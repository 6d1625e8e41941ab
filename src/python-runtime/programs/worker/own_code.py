"""Tells when flyte comes to the code of the task: until then an attempt may be started again elsewhere."""

import sys

from .effects import Effects


def report_import(callback):
    """In that callback: calls back again when the module has been imported, with the module path, and the first forbidden effect."""
    from flyte._internal.runtime import entrypoints

    contextual_run = getattr(entrypoints, "contextual_run", None)
    if contextual_run is None:
        return
    effects, path = Effects(), sys.path[:]

    # It is called when the task was loaded, and its coroutine is awaited without this function.
    def contextual_run_after(*args, **options):
        entrypoints.contextual_run = contextual_run
        effects.stop()
        callback({"path": path, "reason": effects.reason})
        return contextual_run(*args, **options)

    entrypoints.contextual_run = contextual_run_after
    effects.start()


def call_before(callback):
    """Calls back once, before the first module of the task is imported. False: this version of flyte has no such point."""
    try:
        from flyte._internal.runtime import entrypoints

        load_class = entrypoints.load_class
        download_code_bundle = entrypoints.download_code_bundle
    except (ImportError, AttributeError):
        return False

    def first():
        # Frames of a worker in the task's tracebacks would be noise.
        entrypoints.load_class = load_class
        entrypoints.download_code_bundle = download_code_bundle
        callback()

    def load_class_after(*args, **options):
        first()
        return load_class(*args, **options)

    async def download_code_bundle_before(*args, **options):
        bundle = await download_code_bundle(*args, **options)
        if bundle.pkl:
            first()
        return bundle

    entrypoints.load_class = load_class_after
    entrypoints.download_code_bundle = download_code_bundle_before
    return True
