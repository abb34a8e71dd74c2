"""One network halfway between two: `python -m sinet.training.blend FIRST SECOND SHARE OUT [NETWORK]`.

Where the second was trained on from the first, the straight line between their weights keeps a low loss, and a point on
it can be better than either end: it keeps what the first knew and has what the second learned.

Source: Wortsman et al., Robust fine-tuning of zero-shot models (WiSE-FT), arXiv:2109.01903, section 3.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from sinet.core.errors import ModelError
from sinet.nets.checkpoints import load_network
from sinet.training.checkpoint import save_weights


def blend(first: Mapping[str, Tensor], second: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights and running statistics at `share` of the way from `first` to `second`.

    Args:
        first: a state dict.
        second: another of the same network.
        share: 0 gives `first`, 1 gives `second`.

    Raises:
        ModelError: the share lies beyond the two, or they are of different networks.
    """
    if not 0 <= share <= 1:
        raise ModelError(f"a share of {share} lies beyond both networks; give one from 0 to 1")
    if {n: t.shape for n, t in first.items()} != {n: t.shape for n, t in second.items()}:
        raise ModelError("the two files hold different networks; blend a network with what it became")
    return {
        name: torch.lerp(value, second[name], share) if value.is_floating_point() else second[name].clone()
        for name, value in first.items()
    }


def main(first: str, second: str, share: str, out: str, network: str = "portrait") -> None:
    """Blend two files of one network's weights and write the result, with its provenance beside it."""
    paths = (Path(first), Path(second))
    states = [load_network(path, network).state_dict() for path in paths]
    target = Path(out)
    facts: dict[str, object] = {
        "name": target.stem,
        "blend": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths},
        "share_of_second": float(share),
    }
    save_weights(blend(states[0], states[1], float(share)), facts, target)
    facts["sha256"] = hashlib.sha256(target.read_bytes()).hexdigest()
    target.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:6])
