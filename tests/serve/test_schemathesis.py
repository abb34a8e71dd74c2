"""schemathesis (MIT) asks what openapi.json says may be asked, and much that it says may not, and finds nothing.

It is no part of the development tools, because it would be loaded into every run of the tests; installed for itself
(`pipx install schemathesis`), it is found on the path.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from serve.service import Live, running

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
# What a schema cannot say of two parameters (a mask has no background) is refused although each of them is sound.
EXCLUDED = "positive_data_acceptance"


def examined(live: Live, pictures: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("schemathesis")
    assert program
    command = [program, "run", f"http://127.0.0.1:{live.port}/openapi.json", "--checks", "all"]
    command += ["--exclude-checks", EXCLUDED, "--max-examples", "40", "--continue-on-failure", "--no-color", *options]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": HOOKS.stem,
        "PYTHONPATH": str(HOOKS.parent),
        "SINET_PICTURES": str(pictures),
    }
    return subprocess.run(command, env=environment, cwd=pictures, capture_output=True, text=True, errors="replace")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("schemathesis") is None, reason="schemathesis is not on the path")
@pytest.mark.parametrize("key", ["", "correct-horse"])
def test_what_is_described_is_what_is_served(tmp_path: Path, photo: bytes, key: str) -> None:
    (tmp_path / "a.jpg").write_bytes(photo)
    small = Image.linear_gradient("L").convert("RGB").resize((40, 30))
    for name in ("a.png", "a.webp"):
        small.save(tmp_path / name)
    with running("--no-page", "--workers", "2", **({"SINET_API_KEY": key} if key else {})) as live:
        done = examined(live, tmp_path, *(["--header", f"X-Api-Key: {key}"] if key else []))
        assert done.returncode == 0, done.stdout[-6000:]
        assert b'status="500"' not in live.get("/metrics")
        assert live.end() == 0
