"""The page's files: small, of their own, and of Python's numbers."""

import dataclasses
import gzip
import json
import shutil
import subprocess
import zlib
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save

import sinet
from serve.browsers import COMPILED
from sinet.cli.page import command
from sinet.core import foreground, grid, guided, smoothing
from sinet.core.architecture import CITYSCAPES, with_classes
from sinet.core.errors import ModelError
from sinet.core.spec import SPEC_KEY, OutputSpec, spec_to_json
from sinet.pipeline import background, matting, segmenter, temporal
from sinet.runtime.catalog import catalog, find_model
from sinet.serve.site import ENGINES, LISTED, NETWORK, PAGE, UNUSED, packed, site_files

pytestmark = COMPILED


def test_the_engines_are_there() -> None:
    assert set(ENGINES) | {NETWORK} <= set(site_files())


def test_the_page_is_small() -> None:
    files = site_files()
    needed = [name for name in files if name not in UNUSED and "bench" not in name and "relaxed" not in name]
    assert sum(len(files[name]) for name in needed) < 450_000
    assert sum(len(gzip.compress(files[name], 9)) for name in needed) < 200_000


def test_the_network_comes_whole_out_of_its_packing() -> None:
    artefact = find_model(catalog().default).path.read_bytes()
    way = packed(artefact)
    assert len(way) < 0.4 * len(artefact)
    content = zlib.decompress(way)
    start = 8 + int.from_bytes(artefact[:8], "little")
    planes = np.frombuffer(content, np.uint8, offset=start).reshape(4, -1)
    assert content[:start] + planes.T.tobytes() == artefact


def test_nothing_is_asked_of_other_servers() -> None:
    for name, content in site_files().items():
        if name.endswith((".html", ".mjs", ".js", ".css", ".webmanifest")):
            text = content.decode().replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text, name
            assert "https://" not in text, name


def test_another_version_has_another_name(site) -> None:
    one, other = site_files(), site_files("portrait-official")
    assert one[LISTED] != other[LISTED]
    listed = json.loads(one[LISTED].decode().split("FILES = ")[1].rstrip(";\n"))
    assert set(listed) - {"./"} == set(one) - {"index.html", "sw.js", LISTED, *UNUSED}


def test_only_networks_that_the_engine_runs_go_into_a_page(tmp_path) -> None:
    done = CliRunner().invoke(command, [str(tmp_path / "site"), "--model", "yunet"])
    assert done.exit_code != 0
    assert not (tmp_path / "site").exists()


def test_a_network_of_other_answers_goes_into_no_page(tmp_path) -> None:
    found = find_model(catalog().default)
    street = dataclasses.replace(found.spec, network=with_classes(CITYSCAPES, 2))
    classes = dataclasses.replace(found.spec, output=OutputSpec("nchw", "softmax", -1, ("road", "sky", "tree")))
    for spec in (street, classes):
        path = tmp_path / "other.safetensors"
        path.write_bytes(save({"x": np.zeros(1, np.float32)}, metadata={SPEC_KEY: spec_to_json(spec)}))
        with pytest.raises(ModelError, match="tell a person from the background at their input's own size"):
            site_files(path)


def test_a_site_is_written_once(tmp_path) -> None:
    folder = tmp_path / "site"
    assert CliRunner().invoke(command, [str(folder)], catch_exceptions=False).exit_code == 0
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == set(site_files())
    with pytest.raises(sinet.SinetError, match="is there already; add --overwrite"):
        CliRunner().invoke(command, [str(folder)], catch_exceptions=False)
    assert CliRunner().invoke(command, [str(folder), "--overwrite"], catch_exceptions=False).exit_code == 0


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node on the path")
def test_python_and_the_page_know_the_same_numbers() -> None:
    numbers = (PAGE / "sinet" / "numbers.mjs").as_uri()
    sizes, sigmas = [[720, 1280], [1281, 719], [1, 5000], [300, 200], [513, 1026]], [0.0, 0.4, 0.5, 3.3, 11.7, 40.0]
    code = f"""import * as n from {numbers!r};
    const made = Object.fromEntries(Object.entries(n).filter(([, value]) => typeof value !== "function"));
    made.grids = {sizes}.map(n.gridSize); made.radii = {sigmas}.map(n.gaussianRadii);
    made.live = {sizes}.map((size) => n.liveSize({{preprocess: {{size: [320, 320]}}}}, 32, size));
    made.rounded = [0.5, 1.5, 2.5, -0.5, 2.4999, 3.7].map(n.round);
    console.log(JSON.stringify(made));"""
    done = subprocess.run(["node", "--input-type=module", "-e", code], capture_output=True, check=True)
    theirs = json.loads(done.stdout)
    spec = sinet.Segmenter().spec
    ours: dict[str, Any] = {
        "GRID_SIDE": grid.GRID_SIDE,
        **{name: getattr(guided, name) for name in ("WINDOW_RADIUS", "EDGE_EPS")},
        "LEVELS": list(guided.LEVELS),
        "COLOUR_WINDOWS": [list(row) for row in foreground.COLOUR_WINDOWS],
        **{name: getattr(segmenter, name) for name in ("CORE_PROBABILITY", "CORE_AREA")},
        **{name: getattr(background, name) for name in ("SIGMA_AT_FULL_STRENGTH", "DEFAULT_STRENGTH")},
        "PAPER": 255,
        **{
            name: getattr(temporal, name)
            for name in ("KEPT", "TOLERANCE", "LEAST", "MOST", "UNCHANGED", "CUT", "CUT_RATIO")
        },
        "INPUT_SHARE": matting.INPUT_SHARE,
        "BLOCK": 8,
        "grids": [list(grid.grid_size((h, w))) for h, w in sizes],
        "radii": [list(smoothing.gaussian_radii(sigma)) for sigma in sigmas],
        "live": [list(matting.input_size(spec, (h, w))) for h, w in sizes],
        "rounded": [round(x) for x in (0.5, 1.5, 2.5, -0.5, 2.4999, 3.7)],
    }
    assert spec.network is not None
    assert spec.network.size_multiple == 32
    assert theirs == ours
