"""How each team's base becomes an image that can run tasks. The server builds both; no team changes anything."""

import os

import flyte

REGISTRY = os.environ.get("REGISTRY", "localhost:5000")

training_image = (
    flyte.Image.from_base(os.environ.get("TRAINING_BASE", f"{REGISTRY}/training-base:1"))
    .clone(name="adapted/training", registry=REGISTRY, extendable=True)
    .with_commands(["/opt/venv/bin/pip install flyte==2.12.1"])
    # $PATH is the base's own value, so that its environment comes first and nothing is lost.
    .with_env_vars({"PATH": "/opt/venv/bin:$PATH", "PYTHONPATH": "/workspace"})
    .with_code_bundle()
)
data_prep_image = (
    flyte.Image.from_base(os.environ.get("DATA_PREP_BASE", f"{REGISTRY}/data-prep-base:1"))
    .clone(name="adapted/data-prep", registry=REGISTRY, extendable=True)
    .with_commands(["/opt/conda/bin/pip install flyte==2.12.1"])
    .with_env_vars({"PYTHONPATH": "/app"})
    .with_code_bundle()
)

# The SDK loads this file inside the images as well, where the variables above are not set: pass them on.
settings = {name: os.environ[name] for name in ("REGISTRY", "TRAINING_BASE", "DATA_PREP_BASE") if name in os.environ}
training = flyte.TaskEnvironment(name="training", image=training_image, env_vars=settings)
data_prep = flyte.TaskEnvironment(name="data-prep", image=data_prep_image, env_vars=settings, depends_on=[training])
