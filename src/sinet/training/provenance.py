"""Where weights come from, written beside them: recipe, data, versions, measurements, their own hash."""

import hashlib
import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import nn

import sinet
from sinet.core.errors import OutputError
from sinet.core.records import to_plain
from sinet.data.manifest import Split, manifest_hash
from sinet.training.checkpoint import save_weights
from sinet.training.loop import Run, averaged, measured_part
from sinet.training.validate import validate


def finish(run: Run, splits: tuple[Split, ...], folder: Path) -> Path:
    """Measure the averaged weights and write them, with `NAME.json` beside them.

    Returns:
        The weights' file, `NAME.safetensors` in `folder`.

    Raises:
        OutputError: a file cannot be written.
    """
    weights = folder / f"{run.recipe.name}.safetensors"
    facts = provenance(run, splits)
    save_weights(run.average, facts, weights)
    facts["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    beside = weights.with_suffix(".json")
    try:
        beside.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{beside}: cannot be written ({error.strerror}); free some space and run again") from error
    return weights


def provenance(run: Run, splits: tuple[Split, ...]) -> dict[str, Any]:
    """What made the averaged weights of a run, and its scores on what is set aside; where it was rounded, those too."""
    recipe = run.recipe
    row = recipe.schedule.quantised

    def measured(network: nn.Module) -> dict[str, Any]:
        return {s.row.name: asdict(validate(network, recipe.preprocess, s)) for s in splits}

    return {
        "name": recipe.name,
        "origin": recipe.origin,
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "steps": run.step,
        "metrics": measured(averaged(run)),
        **({f"metrics_{row}": measured(measured_part(run))} if row else {}),
        "data": {
            "sha256": manifest_hash(list(splits)),
            "sources": {
                s.row.name: {"train": len(s.train), "validation": len(s.validation), "licence": s.row.licence}
                for s in splits
            },
        },
        "start_sha256": hashlib.sha256(Path(recipe.start).read_bytes()).hexdigest() if recipe.start else None,
        "recipe": to_plain(recipe),
        "versions": {
            "sinet": sinet.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "pillow")},
        },
    }
