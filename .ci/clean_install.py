"""What a user gets from the wheel alone: number of packages, size on disk, CPU time to start and to a first cut-out.

Run it with the Python of an environment that holds the installed wheel and nothing else; it prints each figure beside
its limit. It exits 1 where a count or size passes its limit, or a time passes twice its limit: machines are noisy, and
the same code was seen to take half as long again. CPU time is user + system of a fresh process, the least of five.
"""

import importlib.metadata
import importlib.util
import resource
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTALLER = {"pip", "setuptools", "wheel"}
FORBIDDEN = ("torch", "numba", "cv2")


def packages() -> list[str]:
    """Names of the installed distributions, sinet among them, the installer's own left out."""
    names = {dist.metadata["Name"].lower() for dist in importlib.metadata.distributions()}
    return sorted(names - INSTALLER)


def megabytes(folder: Path) -> float:
    """Size of what is installed in `folder` in MB (10^6 bytes), compiled files included, the installer left out."""
    files = (
        p for child in folder.iterdir() if child.name.split("-")[0] not in INSTALLER for p in [child, *child.rglob("*")]
    )
    return sum(p.stat().st_size for p in files if p.is_file()) / 1e6


def cpu_seconds(*arguments: str, runs: int = 5) -> float:
    """CPU time of `python -m sinet ...` in a fresh process, the least of `runs`."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "sinet", *arguments], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    return min(once() for _ in range(runs))


def cold_cut() -> float:
    """CPU seconds from nothing to the cut-out of a 1920x1080 JPEG on disk."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder, Image.open(ROOT / "examples" / "portrait.png") as portrait:
        photo = Path(folder) / "photo.jpg"
        portrait.convert("RGB").resize((1920, 1920), Image.Resampling.BICUBIC).crop((0, 0, 1920, 1080)).save(
            photo, quality=92
        )
        return cpu_seconds("cut", str(photo), "--output", str(Path(folder) / "photo.png"), "--overwrite")


def main() -> int:
    """Print the figures; 1 where one passes its limit, 0 otherwise."""
    import sinet

    site = Path(sysconfig.get_paths()["purelib"])
    if site not in Path(sinet.__file__).parents:
        sys.exit(f"sinet comes from {sinet.__file__}, not from the installed wheel")
    intruders = [name for name in FORBIDDEN if importlib.util.find_spec(name)]
    if intruders:
        sys.exit(f"the base install brings {', '.join(intruders)}")
    names = packages()
    print(" ".join(names))
    rows = [
        ("packages", len(names), 6, "", 1),
        ("installed size", megabytes(site), 110, " MB", 1),
        ("sinet --help, CPU", cpu_seconds("--help"), 0.35, " s", 2),
        ("1080p JPEG to cut-out, cold, CPU", cold_cut(), 0.5, " s", 2),
    ]
    for what, figure, limit, unit, _ in rows:
        print(f"{what:<34} {figure:>8.4g}{unit} (limit {limit}{unit})")
    return int(any(figure > limit * slack for _, figure, limit, _, slack in rows))


if __name__ == "__main__":
    sys.exit(main())
