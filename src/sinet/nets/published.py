"""Names of published parameters -> ours, so that the authors' weights load strictly into our modules.

The community's retraining (anilsathyan7) of the portrait network keeps the authors' names, so its table serves both.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from sinet.core.errors import ModelError

# What stands in a module: their branches' parts, a square kernel's and a crossed one's, and what is common.
_MODULE = {
    r"c1\.conv": "reduce",
    r"d([12])\.conv\.0": r"branches.\3.depthwise",
    r"d([12])\.conv\.1": r"branches.\3.norm_act.norm",
    r"d([12])\.vertical": r"branches.\3.vertical",
    r"d([12])\.horizontal": r"branches.\3.horizontal",
    r"d([12])\.B_v": r"branches.\3.norm_act.vertical_norm",
    r"d([12])\.B_h": r"branches.\3.norm_act.horizontal_norm",
    r"d([12])\.act_conv1x1\.0": r"branches.\3.norm_act.act",
    r"d([12])\.act_conv1x1\.1": r"branches.\3.pointwise",
    r"d([12])\.bn": r"branches.\3.norm",
    "BR": "norm_act",
}


def _prefixes(levels: str, decoder: dict[str, str]) -> dict[str, str]:
    """Authors' prefix -> ours, first match wins, for a network whose stages have these numbers."""
    level, stage = rf"encoder\.level([{levels}])", r"encoder.stages.\1"
    return {
        r"encoder\.level1\.conv": "encoder.stem.conv",
        r"encoder\.level1": "encoder.stem.norm_act",
        rf"{level}_0\.conv\.0": rf"{stage}.down.depthwise",
        rf"{level}_0\.conv\.1\.dense": rf"{stage}.down.excitation.gate",
        rf"{level}_0\.conv\.2": rf"{stage}.down.pointwise",
        rf"{level}_0": rf"{stage}.down.norm_act",
        **{rf"{level}\.(\d+)\.{part}": rf"{stage}.modules_.\2.{ours}" for part, ours in _MODULE.items()},
        rf"encoder\.BR([{levels}])": rf"{stage}.join",
        r"encoder\.classifier\.conv": "encoder.head",
        **decoder,
    }


_PORTRAIT = _prefixes(
    "23",
    {
        "bn_3": "decoder.coarse_norm",
        r"level2_C\.conv": "decoder.project.conv",
        "level2_C": "decoder.project.norm_act",
        "bn_2": "decoder.fused_norm",
        r"classifier\.1": "decoder.head",
    },
)
_STREET = _prefixes(
    "234",
    {
        "bn_4": "decoder.coarse_norm",
        r"level3_C\.conv": "decoder.project.conv",
        "level3_C": "decoder.project.norm_act",
        "bn_3": "decoder.fused_norm",
        "classifier": "decoder.head",
    },
)


def our_name(theirs: str) -> str:
    """Translate one parameter name of the authors' portrait network into ours.

    Raises:
        ModelError: the name belongs to no part of the portrait network.
    """
    return _translate(theirs, _PORTRAIT, "the portrait SINet")


def our_street_name(theirs: str) -> str:
    """Translate one parameter name of the authors' street network into ours.

    Raises:
        ModelError: the name belongs to no part of the street network.
    """
    return _translate(theirs, _STREET, "the street SINet")


def _translate(theirs: str, prefixes: dict[str, str], title: str) -> str:
    for pattern, replacement in prefixes.items():
        match = re.match(pattern + r"\.", theirs)
        if match:
            name = match.expand(replacement)
            # Their stages count from 2 and their branches from 1; ours count from 0.
            name = re.sub(r"stages\.(\d)", lambda m: f"stages.{int(m[1]) - 2}", name)
            name = re.sub(r"branches\.(\d)", lambda m: f"branches.{int(m[1]) - 1}", name)
            rest = theirs[match.end() :]
            return f"{name}.{re.sub(r'^bn[.]', 'norm.', rest)}"
    raise ModelError(f"the parameter {theirs!r} belongs to no part of {title}; is this another network?")


def rename(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate a whole state dict of the authors' portrait network."""
    return {our_name(name): tensor for name, tensor in state.items()}


def rename_street(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate a whole state dict of the authors' street network."""
    return {our_street_name(name): tensor for name, tensor in state.items()}


# ExtremeC3Net: their modules and single parts -> ours. The first branch of a module in `_PLAIN` has dilation 1.
_EXTREMEC3 = {
    "encoder.level1": "coarse.stem",
    "encoder.b1": "coarse.join2",
    "encoder.level2_0": "coarse.down",
    "encoder.level2.0": "coarse.middle",
    "encoder.b2": "coarse.join4",
    "encoder.level3_0": "coarse.widen",
    **{f"encoder.level3.{index}": f"coarse.deep.{index}" for index in range(5)},
    "encoder.b3": "coarse.join",
    "upsample.0": "project",
    "upsample.1": "project_norm",
    "Fine.0": "fine.0",
    "Fine.1": "fine.1",
    "classifier.0": "norm_act",
    "classifier.2": "head",
}
_JOINS = ("encoder.b1", "encoder.b2", "encoder.b3", "classifier.0")
_PLAIN = ("encoder.level2_0", "encoder.level2.0", "encoder.level3_0")
_PLAIN_BRANCH = ("depthwise", "pointwise")
_BRANCH = (*(f"concentrate.{index}" for index in range(5)), *_PLAIN_BRANCH)


def our_extremec3_name(theirs: str) -> str:
    """Translate one parameter name of the authors' ExtremeC3Net into ours.

    Raises:
        ModelError: the name belongs to no part of that network.
    """
    module = next((name for name in _EXTREMEC3 if theirs.startswith(f"{name}.")), None)
    if module is None:
        raise ModelError(f"the parameter {theirs!r} belongs to no part of ExtremeC3Net; is this another network?")
    ours, rest = _EXTREMEC3[module], theirs[len(module) + 1 :]
    if branch := re.match(r"d([123])\.conv\.(\d)\.", rest):
        parts = _PLAIN_BRANCH if branch[1] == "1" and module in _PLAIN else _BRANCH
        return f"{ours}.branches.{int(branch[1]) - 1}.{parts[int(branch[2])]}.{rest[branch.end() :]}"
    if rest.startswith("c1.conv."):
        return f"{ours}.reduce.{rest.removeprefix('c1.conv.')}"
    if module == "Fine.0":
        return f"{ours}.{rest.removeprefix('conv.')}"
    if rest.startswith(("bn.bn.", "bn.act.")):
        rest = rest.removeprefix("bn.")
    inner = "" if module in _JOINS else "norm_act."
    return f"{ours}.{re.sub(r'^bn[.]', f'{inner}norm.', re.sub(r'^act[.]', f'{inner}act.', rest))}"


def rename_extremec3(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate a whole state dict of the authors' ExtremeC3Net."""
    return {our_extremec3_name(name): tensor for name, tensor in state.items()}


def extremec3_of_two(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same for two classes: a background whose logit is 0 leaves the person's probability as it is."""
    ours = rename_extremec3(state)
    if (head := ours.get("head.weight")) is not None and len(head) == 1:
        ours["head.weight"] = torch.cat([torch.zeros_like(head), head])
    return ours
