# /// script
# requires-python = ">=3.10"
# dependencies = ["flyte==2.12.1", "numpy==1.26.4"]
# ///
"""Runs the workflow in the adapted bases, or deploys it with the code baked in.

  python main.py --config FILE            development: the code travels as a bundle
  python main.py --config FILE --deploy 1.0.0
"""

import argparse
from pathlib import Path

import flyte

# The tasks, not only their environments: a deploy sends what was imported. With `tasks.envs` alone the images are
# built and no task is registered.
import tasks.workflow
from tasks.envs import data_prep

READINGS = [20.0, 20.5, 21.0, 21.5, 22.0, 22.5, 23.0, 23.5, 24.0, 24.5, 25.0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", help="Flyte configuration file with image.builder: remote")
    parser.add_argument("--deploy", metavar="VERSION")
    arguments = parser.parse_args()
    flyte.init_from_config(arguments.config, root_dir=Path(__file__).parent)
    if arguments.deploy:
        flyte.deploy(data_prep, copy_style="none", version=arguments.deploy)
        return
    run = flyte.run(tasks.workflow.prepare, readings=READINGS)
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
