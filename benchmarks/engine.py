"""The engine against its floor, the other engines and its peers, in one interleaved run: `python benchmarks/engine.py`.

One thread, one picture. Every other engine gets the form of the same weights that it runs fastest, so several forms
take part; peers take part where their files lie (peers/README.md says where they come from). The last lines hold the
measured ratios against what is asked of the engine.
"""

import argparse
import json
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from rewrite import with_prelu
from torch import Tensor, nn

from sinet.cli.bench import open_contender, print_report
from sinet.evaluation.picture import synthetic_portrait
from sinet.evaluation.report import Plan, bench
from sinet.export.build import SOURCES, packaged
from sinet.export.deployed import DeployedSINet
from sinet.export.onnx import LinearHead, blocked, export_onnx
from sinet.media.sinks import encode_image
from sinet.native.library import instruction_sets

MODEL = "portrait-official"
PEERS = {
    "selfie_segmentation.tflite": "selfie_square.json",
    "selfie_segmentation_landscape.tflite": "selfie_landscape.json",
}
FORMS = {
    "onnx": ("matrices-maximum", "blocked"),
    "openvino": ("matrices-maximum", "matrices-prelu", "blocked"),
}
"""The forms that each engine runs fastest, here or on other processors; the rest lags far behind (rewrite.py)."""
ASKED = {
    "OpenVINO's best": ("openvino", 2.0),
    "ONNX Runtime's best": ("onnx", 4.0),
    "MediaPipe landscape": ("mediapipe-selfie-landscape", 1.5),
    "MediaPipe square": ("mediapipe-selfie-square", 2.5),
}
"""Who -> (the rows that are meant, by engine or by model; how many times our time theirs should be)."""
ASKED_OF_FLOOR, ASKED_OF_SIZES = 2.0, 1.2


class WithLinearHead(nn.Module):
    """A deployed network whose end, linear in each axis, is two products with constant matrices."""

    def __init__(self, network: DeployedSINet, size: tuple[int, int]) -> None:
        super().__init__()
        self.features, self.head = deepcopy(network), LinearHead(network.head.weight.detach()[0], size)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features.fused(image)[0])


def export_forms(folder: Path) -> None:
    source = next(source for source in SOURCES if source.name == MODEL)
    network, size = packaged(source, Path("weights")), source.spec.preprocess.size
    with torch.no_grad():
        forms = {
            "matrices-maximum": WithLinearHead(network, size),
            "matrices-prelu": with_prelu(WithLinearHead(network, size)),
            "blocked": blocked(network, size),
        }
    for name, form in forms.items():
        export_onnx(form, source.spec, folder / f"{name}.onnx")


def words(folder: Path, peers: Path) -> list[str]:
    isas = [f"native/{isa}:{MODEL}" for isa in reversed(instruction_sets()[:-1])]
    others = [f"{engine}:{folder / form}.onnx" for engine, forms in FORMS.items() for form in forms]
    tflite = [f"litert:{peers / file}=peers/{spec}" for file, spec in PEERS.items() if (peers / file).is_file()]
    return [f"native:{MODEL}", *isas, *others, *tflite]


def print_verdict(report: dict[str, Any]) -> None:
    ours, *others = report["networks"]
    print(f"\n{'asked of the engine':<42}{'asked':>8}{'by min':>9}{'by median':>11}")
    print(f"  {'over the floor, at most':<40}{ASKED_OF_FLOOR:>8.1f}{ours['ratio_floor']:>9.2f}")
    for name, (key, asked) in ASKED.items():
        rows = [row for row in others if row["model"] == key or row["name"].startswith(f"{key}:")]
        if rows:
            least, p50 = (min(row[ratio] for row in rows) for ratio in ("ratio_min", "ratio_p50"))
            print(f"  {'faster than ' + name + ', at least':<40}{asked:>8.1f}{least:>9.2f}{p50:>11.2f}")
    worst = max(row["ratio_cheapest"] for row in report["sizes"])
    print(f"  {'dearest pixel over cheapest, at most':<40}{ASKED_OF_SIZES:>8.1f}{worst:>9.2f}")


def group(step: str) -> str:
    words = step.split()
    return f"stage {words[1]}, {words[2 if words[2] == 'down' else -1]}" if words[0] == "stage" else step


def print_tables(report: dict[str, Any]) -> None:
    """The tables of docs/explanation/speed.md."""
    print("| network, engine | ms | against ours | over the floor |\n|---|---|---|---|")
    for row in report["networks"]:
        floor = "" if row["ratio_floor"] is None else f"{row['ratio_floor']:.2f}"
        name = f"{row['model']}, {row['engine']}, {row['file']}"
        print(f"| {name} | {row['min_ms']:.2f} | {row['ratio_min']:.2f} | {floor} |")
    print("\n| steps | ms | share | M multiply-adds | G/s | over the floor |\n|---|---|---|---|---|---|")
    steps, rate = report["steps"]["rows"], report["floor"][0]["macs_per_s"]
    for name in dict.fromkeys(group(step["name"]) for step in steps):
        rows = [step for step in steps if group(step["name"]) == name]
        ms, share, macs = (sum(row[key] for row in rows) for key in ("min_ms", "share", "macs"))
        work = f"{macs / 1e6:.1f} | {macs / ms / 1e6:.0f} | {ms / macs * rate / 1e3:.2f}" if macs else " | | "
        print(f"| {name}{f' ({len(rows)})' if len(rows) > 1 else ''} | {ms:.3f} | {share:.0%} | {work} |")
    print("\n| input | ms | ns a pixel | over the cheapest |\n|---|---|---|---|")
    for row in report["sizes"]:
        size = "x".join(str(side) for side in row["size"])
        print(f"| {size} | {row['min_ms']:.2f} | {row['ns_per_pixel']:.1f} | {row['ratio_cheapest']:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=Path("../shared/weights/peers"), help="folder of their .tflite")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    parser.add_argument("--markdown", action="store_true", help="also print the tables of docs/explanation/speed.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        export_forms(Path(folder))
        contenders = [open_contender(word, "auto", threads=1) for word in words(Path(folder), options.peers)]
        plan = Plan(options.runs, stages=False, steps=True, sizes=True)
        report = {"threads": 1, **bench(contenders, encode_image(synthetic_portrait(), ".jpg"), plan)}
    print_report(report)
    print_verdict(report)
    if options.markdown:
        print_tables(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2), "utf-8")


if __name__ == "__main__":
    main()
