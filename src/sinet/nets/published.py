"""Names of published parameters -> ours, so that the authors' weights load strictly into our modules.

The community's retraining (anilsathyan7) of the portrait network keeps the authors' names, so its table serves both.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from sinet.core.errors import ModelError

# Authors' prefix -> ours, first match wins. \N keeps a module's number.
_PREFIXES = [
    (r"encoder\.level1\.conv", r"encoder.stem.conv"),
    (r"encoder\.level1", r"encoder.stem.norm_act"),
    (r"encoder\.level([23])_0\.conv\.0", r"encoder.stages.\1.down.depthwise"),
    (r"encoder\.level([23])_0\.conv\.1\.dense", r"encoder.stages.\1.down.excitation.gate"),
    (r"encoder\.level([23])_0\.conv\.2", r"encoder.stages.\1.down.pointwise"),
    (r"encoder\.level([23])_0", r"encoder.stages.\1.down.norm_act"),
    (r"encoder\.level([23])\.(\d+)\.c1\.conv", r"encoder.stages.\1.modules_.\2.reduce"),
    (r"encoder\.level([23])\.(\d+)\.d([12])\.conv\.0", r"encoder.stages.\1.modules_.\2.branches.\3.depthwise"),
    (r"encoder\.level([23])\.(\d+)\.d([12])\.conv\.1", r"encoder.stages.\1.modules_.\2.branches.\3.norm_act.norm"),
    (
        r"encoder\.level([23])\.(\d+)\.d([12])\.act_conv1x1\.0",
        r"encoder.stages.\1.modules_.\2.branches.\3.norm_act.act",
    ),
    (r"encoder\.level([23])\.(\d+)\.d([12])\.act_conv1x1\.1", r"encoder.stages.\1.modules_.\2.branches.\3.pointwise"),
    (r"encoder\.level([23])\.(\d+)\.d([12])\.bn", r"encoder.stages.\1.modules_.\2.branches.\3.norm"),
    (r"encoder\.level([23])\.(\d+)\.BR", r"encoder.stages.\1.modules_.\2.norm_act"),
    (r"encoder\.BR([23])", r"encoder.stages.\1.join"),
    (r"encoder\.classifier\.conv", r"encoder.head"),
    (r"bn_3", r"decoder.coarse_norm"),
    (r"level2_C\.conv", r"decoder.project.conv"),
    (r"level2_C", r"decoder.project.norm_act"),
    (r"bn_2", r"decoder.fused_norm"),
    (r"classifier\.1", r"decoder.head"),
]


def our_name(theirs: str) -> str:
    """Translate one parameter name of the authors' portrait network into ours.

    Raises:
        ModelError: the name belongs to no part of the portrait network.
    """
    for pattern, replacement in _PREFIXES:
        match = re.match(pattern + r"\.", theirs)
        if match:
            name = match.expand(replacement)
            # Their stages count from 2 and their branches from 1; ours count from 0.
            name = re.sub(r"stages\.(\d)", lambda m: f"stages.{int(m[1]) - 2}", name)
            name = re.sub(r"branches\.(\d)", lambda m: f"branches.{int(m[1]) - 1}", name)
            rest = theirs[match.end() :]
            return f"{name}.{re.sub(r'^bn[.]', 'norm.', rest)}"
    raise ModelError(f"the parameter {theirs!r} belongs to no part of the portrait SINet; is this another network?")


def rename(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate a whole state dict of the authors' portrait network."""
    return {our_name(name): tensor for name, tensor in state.items()}
