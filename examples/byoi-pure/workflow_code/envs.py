"""One task environment for each team.

This file is inside both images, so it names them by role only. Which image plays a role is decided when a run starts.
"""

import flyte

training = flyte.TaskEnvironment(name="training", image=flyte.Image.from_ref_name("training"))
data_prep = flyte.TaskEnvironment(
    name="data-prep",
    image=flyte.Image.from_ref_name("data-prep"),
    depends_on=[training],
)
