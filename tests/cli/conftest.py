"""Pictures to cut, made small from the one photograph, and the command as others start it."""

import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

Sinet = Callable[..., subprocess.CompletedProcess[bytes]]
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from sinet.__main__ import main; main()"
)
"""Ctrl-C as a terminal gives it, also where whoever runs the tests ignores it."""


def encoded(image: Image.Image, kind: str) -> bytes:
    stream = BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


@pytest.fixture(scope="session")
def person(portrait_path: Path) -> bytes:
    """A JPEG of 160x160 with a person in it."""
    with Image.open(portrait_path) as image:
        return encoded(image.convert("RGB").resize((160, 160)), "JPEG")


@pytest.fixture(scope="session")
def wall() -> bytes:
    """A PNG of a grey wall: nobody."""
    return encoded(Image.new("RGB", (90, 60), (120, 120, 120)), "PNG")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sinet(desk: Path) -> Sinet:
    """Run the command in a process of its own."""

    def start(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([sys.executable, "-c", START, *arguments], capture_output=True, cwd=desk, **options)  # type: ignore[call-overload]

    return start
