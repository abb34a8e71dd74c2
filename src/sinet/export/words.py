"""What to tell of an exported file: how to feed it, what to do with it next, how large it is."""

from pathlib import Path

from sinet.core.spec import ModelSpec
from sinet.export.targets import TARGETS, Order
from sinet.runtime.catalog import spec_beside


def feeding(spec: ModelSpec) -> str:
    """How the input is made and the answer read, in one sentence for a programmer."""
    before, after = spec.preprocess, spec.output
    order = "red, green, blue" if before.colour_order == "rgb" else "blue, green, red"
    if set(before.mean) == {0}:
        codes = "codes 0..255" if set(before.std) == {1} else f"codes / {before.std[0]:g}"
    else:
        mean, std = (", ".join(f"{value:g}" for value in values) for values in (before.mean, before.std))
        codes = f"(code - ({mean})) / ({std})"
    height, width = before.size
    shape = (1, 1, height, width) if after.layout == "nchw" else (1, height, width, 1)
    answer = {
        "identity": f"the probability of a person, 0..1, in channel {after.person_channel}",
        "sigmoid": f"the logit of a person, {shape}; 1 / (1 + exp(-logit)) is its probability",
        "softmax": f"logits, channel {after.person_channel} the person's",
    }[after.activation]
    return f"takes {before.shape} {before.dtype}: {order}, {codes}; answers with {answer}"


def next_step(order: Order, path: Path) -> str:
    """What has to be done with the file before it runs, or nothing."""
    if order.target == "tensorrt":
        from sinet.export.tensorrt import recipe

        return f"on the machine with the GPU: {recipe(order, path)}"
    return ""


def parts(order: Order, path: Path) -> list[Path]:
    """The file itself, then those that belong to it, but for a spec beside it."""
    return [path, *(path.with_suffix(end) for end in TARGETS[order.target].beside)]


def written(order: Order, path: Path) -> list[Path]:
    """All that stands somewhere after an export to `path`."""
    return parts(order, path) + ([] if TARGETS[order.target].spec_inside else [spec_beside(path)])


def size_bytes(order: Order, path: Path) -> int:
    """Of all files that belong to an export, but for a spec beside it; of a folder all files in it."""
    inside = [file for found in parts(order, path) for file in (found.rglob("*") if found.is_dir() else [found])]
    return sum(file.stat().st_size for file in inside if file.is_file())
