"""What an action of flyte imports after it has started."""

MODULES = (
    "faulthandler",
    "flyte._code_bundle.bundle",
    "flyte._internal.controllers.remote._controller",
    "flyte._internal.image_cache",
    "flyte._internal.resolvers.default",
    "flyte._internal.runtime.entrypoints",
    "flyte.remote._client.controlplane",
    "flyte.storage",
    "obstore.fsspec",
    "obstore.store",
    "rich.logging",
)
