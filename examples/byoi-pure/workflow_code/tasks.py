"""A sensor's readings go in, its drift for each reading comes out.

`prepare` belongs to the data team and `train` to the training team; `prepare` awaits `train` like any coroutine.
"""

import os
import platform

import numpy as np

from workflow_code.envs import data_prep, training


def whereabouts() -> str:
    return f"Python {platform.python_version()} in {os.getcwd()}"


@training.task
async def train(readings: list[float]) -> tuple[float, str]:
    """Fits a straight line through the readings and returns its slope."""
    where = whereabouts()
    print(f"train: {len(readings)} readings, {where}", flush=True)
    slope, _ = np.polyfit(np.arange(len(readings)), np.array(readings), deg=1)
    return round(float(slope), 6), where


@data_prep.task
async def prepare(readings: list[float]) -> tuple[float, str, str]:
    """Scales the readings to 0..1, has them fitted, and returns the drift and where both tasks ran."""
    where = whereabouts()
    print(f"prepare: {len(readings)} readings, {where}", flush=True)
    values = np.array(readings)
    scaled = (values - values.min()) / (values.max() - values.min())
    drift, trained_where = await train(scaled.tolist())
    return drift, where, trained_where
