"""What the pages say, runs: Python blocks, `sinet` commands, specs, make targets and links."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from _pytest.mark import ParameterSet
from PIL import Image

from sinet.core.spec import spec_from_json, spec_to_json
from sinet.runtime.catalog import find_model

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FILMS = importlib.util.find_spec("av") is not None
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """The line numbers and texts of the fenced blocks in one language."""
    text = page.read_text(encoding="utf-8")
    return [(text[: m.start(2)].count("\n"), m[2]) for m in FENCE.finditer(text) if m[1] == language]


def commands(page: Path) -> list[str]:
    """The lines of shell blocks that run sinet, without their comments."""
    lines = [line for _, block in blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    return [re.sub(r"\s+#.*", "", line) for line in lines if re.search(r"(^|\| )sinet ", line)]


def pages_with(language: str) -> list[ParameterSet]:
    found = [page for page in PAGES if (commands(page) if language == "sh" else blocks(page, language))]
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in found]


@pytest.fixture
def desk(tmp_path: Path, portrait_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the pages speak of, made the working directory."""
    with Image.open(portrait_path) as image:
        portrait = image.convert("RGB")
    people = ("photo.jpg", "photos/ann.jpg", "photos/trip/ben.png", "people/images/ann.jpg")
    for name in (*people, "street.jpg", "trip/street.jpg", "mine/images/ann.jpg"):
        portrait.save(place(tmp_path / name))
    rows, columns = np.mgrid[:512, :512]
    person = ((rows - 380) / 330) ** 2 + ((columns - 230) / 170) ** 2 < 1
    Image.fromarray(np.uint8(255 * person)).save(place(tmp_path / "people/masks/ann.png"))
    for name in ("beach.jpg", "rooms/hall.jpg"):
        Image.linear_gradient("L").convert("RGB").save(place(tmp_path / name))
    Image.fromarray(np.uint8(11 * person)).save(place(tmp_path / "mine/masks/ann.png"))
    shutil.copy(find_model("cityscapes").path, place(tmp_path / "runs/mine/mine.artefact.safetensors"))
    network(tmp_path)
    for name in ("talk.mp4", "talks/may.mp4", "drive.mp4") if FILMS else ():
        film(portrait, place(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def film(picture: Image.Image, path: Path) -> None:
    """Four frames of a picture."""
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 160, "yuv420p"
        for _ in range(4):
            out.mux(stream.encode(av.VideoFrame.from_image(picture.resize((160, 160)))))
        out.mux(stream.encode())


def place(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def network(folder: Path) -> None:
    """`net.onnx` and `net.json`: a packaged network under a stranger's name."""
    model = find_model("portrait-official", engine="onnx")
    shutil.copy(model.path, folder / "net.onnx")
    (folder / "net.json").write_text(spec_to_json(model.spec), encoding="utf-8")


@pytest.mark.parametrize("page", pages_with("python"))
def test_python_on_the_page_runs(page: Path, desk: Path) -> None:
    namespace: dict[str, object] = {"__name__": "page"}
    for line, code in blocks(page, "python"):
        if "talk.mp4" in code and not FILMS:
            continue  # the extra video is not installed
        exec(compile("\n" * line + code, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", pages_with("sh"))
def test_commands_on_the_page_run(page: Path, desk: Path) -> None:
    scripts = sysconfig.get_path("scripts")
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    for command in commands(page):
        if "onnx" in command and importlib.util.find_spec("onnxruntime") is None:
            continue  # the extra onnx is not installed
        if re.search(r"sinet video|\.mp4", command) and not FILMS:
            continue  # nor is video
        command = command.replace("sinet bench", "sinet bench --runs 1")
        done = subprocess.run(
            ["bash", "-c", command], env=environment, capture_output=True, text=True, errors="replace"
        )
        assert done.returncode == 0, f"{page.name}: {command}\n{done.stderr}"


def test_specs_on_the_page_are_specs() -> None:
    page = ROOT / "docs" / "reference" / "spec.md"
    found = blocks(page, "json")
    assert found
    for _, text in found:
        spec_from_json(json.dumps(json.loads(text)), page.name)


@pytest.mark.parametrize("page", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in PAGES])
def test_links_and_targets_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text) + re.findall(r'src="(?!https?:)([^"]+)"', text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", text)) - targets == set()
