# /// script
# requires-python = ">=3.10"
# dependencies = ["flyte==2.12.1", "numpy==1.26.4"]
# ///
"""Starts the workflow with the two teams' images and waits for its result.

No code is sent: both images carry workflow_code/. See README.md for how to build them.
"""

import argparse
import os
from pathlib import Path

import flyte

from workflow_code.tasks import prepare

READINGS = [20.0, 20.5, 21.0, 21.5, 22.0, 22.5, 23.0, 23.5, 24.0, 24.5, 25.0]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", help="Flyte configuration file (default: found as the flyte CLI finds it)")
    parser.add_argument("--data-prep", default=os.environ.get("DATA_PREP_IMAGE"), metavar="IMAGE")
    parser.add_argument("--training", default=os.environ.get("TRAINING_IMAGE"), metavar="IMAGE")
    arguments = parser.parse_args()
    if not arguments.data_prep or not arguments.training:
        parser.error("name both images: --data-prep IMAGE --training IMAGE, or DATA_PREP_IMAGE and TRAINING_IMAGE")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    flyte.init_from_config(
        arguments.config,
        # Task names count from here, as in the images, wherever this is started.
        root_dir=Path(__file__).parent,
        project="flytesnacks",
        domain="development",
        images=(f"data-prep={arguments.data_prep}", f"training={arguments.training}"),
    )
    # The images are the deployment, so there is no code bundle; the version only names it.
    run = flyte.with_runcontext(copy_style="none", version="dev").run(prepare, readings=READINGS)
    print(f"run:     {run.name}")
    print(f"url:     {run.url}", flush=True)
    run.wait(quiet=True)
    run.raise_for_status()
    drift, prepared_where, trained_where = run.outputs()
    print(f"prepare: {prepared_where}")
    print(f"train:   {trained_where}")
    print(f"drift:   {drift} of the range for each reading")


if __name__ == "__main__":
    main()
