"""`sinet doctor`: whether this installation works, and what could be added to it."""

import re
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version

import click

from sinet.core.errors import SinetError

HELP = """Check this installation.

Looks at Python, the processor, the engine, the packages, the packaged models (against their sha256), the optional
parts and the cameras, and cuts a drawn person out of a drawn room. Exits 1 if something that is needed does not work.
"""


class Broken(Exception):
    """Something that is needed does not work; the message says what."""


@click.command("doctor", help=HELP)
def command() -> int:
    """Check; the help text is `HELP`."""
    broken = sum(not _tell(name, check) for name, check in CHECKS.items())
    if broken:
        click.echo(f"\n{broken} of {len(CHECKS)} checks failed: the lines marked BROKEN say what is needed.")
        return 1
    click.echo("\nEverything that is needed works.")
    return 0


def _tell(name: str, check: "Callable[[], Iterator[str]]") -> bool:
    """Print what a check finds, as it finds it; False where it breaks."""
    label = name
    try:
        for line in check():
            click.echo(f"{label:10} {line}")
            label = ""
    except (Broken, SinetError) as error:
        click.echo(f"{label:10} BROKEN: {error}")
    except Exception as error:  # whatever a damaged library raises is what the doctor is asked for
        click.echo(
            f"{label:10} BROKEN: {type(error).__name__}: {error}; reinstall: pip install --force-reinstall sinet"
        )
    else:
        return True
    return False


def _python() -> Iterator[str]:
    yield f"{sys.version.split()[0]} ({sys.executable})"


def _processor() -> Iterator[str]:
    import numpy as np

    from sinet.evaluation.machine import describe_machine

    machine = describe_machine()
    yield f"{machine.cpu}, {machine.cores} cores, {machine.system}"
    vectors: dict[str, list[str]] = np.show_config(mode="dicts")["SIMD Extensions"]  # type: ignore[index]
    yield f"vector units as NumPy names them: {', '.join([*vectors['baseline'], *vectors.get('found', [])])}"


def _engine() -> Iterator[str]:
    from sinet.native.library import best_isa, half_isa, instruction_sets, isa_name, library, library_path

    library()
    yield f"{library_path()}, {library_path().stat().st_size / 1000:.0f} kB"
    halves = half_isa()
    on_request = f", and in halves with {halves} where SINET_ISA names it" if halves else ""
    yield f"runs here with {', '.join(instruction_sets())}{on_request}; takes {isa_name(best_isa())}"


def _packages() -> Iterator[str]:
    yield f"sinet {version('sinet')}"
    missing: list[str] = []
    for package in _required()[""]:
        if (found := _version(package)) is None:
            missing.append(package)
        else:
            yield f"{package} {found}"
    if missing:
        raise Broken(f"{', '.join(missing)} not installed; run: pip install {' '.join(missing)}")


def _formats() -> Iterator[str]:
    from PIL import features

    wanted = {"jpg": "JPEG", "zlib": "PNG", "webp": "WebP", "avif": "AVIF", "libtiff": "compressed TIFF"}
    there = {name: features.check(key) for key, name in wanted.items()}
    yield f"Pillow reads {', '.join(name for name, has in there.items() if has)}"
    lacking = [name for name, has in there.items() if not has]
    if lacking:
        yield f"this Pillow was built without {', '.join(lacking)}; run: pip install --force-reinstall pillow"
    if not (there["JPEG"] and there["PNG"]):
        raise Broken("without JPEG and PNG there is little to cut")


def _models() -> Iterator[str]:
    from sinet.runtime.catalog import catalog, verified

    for name, row in catalog().models.items():
        for suffix, digest in row.sha256.items():
            verified(name, suffix)
            yield f"{name}{suffix} is the one that was packaged (sha256 {digest[:12]}...)"


def _optional() -> Iterator[str]:
    for extra, packages in _required().items():
        if not extra:
            continue
        missing = [package for package in packages if _version(package) is None]
        there = ", ".join(f"{package} {_version(package)}" for package in packages)
        yield f"{extra}: " + (f"not installed; run: pip install 'sinet[{extra}]'" if missing else there)


def _camera() -> Iterator[str]:
    from sinet.cli.gear import gear

    yield from gear()


def _self_test() -> Iterator[str]:
    import time

    from sinet.core.types import Frame
    from sinet.evaluation.picture import synthetic_portrait
    from sinet.media.sinks import encode_image
    from sinet.pipeline.cut import CutOptions, cut
    from sinet.pipeline.segmenter import Segmenter

    begun = time.perf_counter()
    segmenter = Segmenter()
    result = cut(Frame(synthetic_portrait((480, 640))), segmenter, CutOptions())
    encoded = encode_image(result.pixels, ".png")
    seconds = time.perf_counter() - begun
    yield f"a drawn person covers {result.area:.0%} of a drawn picture; {len(encoded)} bytes of PNG in {seconds:.2f} s"
    if not 0.1 < result.area < 0.7:
        raise Broken("the network does not find the person in the drawn picture; report it with these lines")


CHECKS: dict[str, Callable[[], Iterator[str]]] = {
    "python": _python,
    "processor": _processor,
    "engine": _engine,
    "packages": _packages,
    "formats": _formats,
    "models": _models,
    "optional": _optional,
    "camera": _camera,
    "self-test": _self_test,
}
"""What is checked, in this order."""


def _required() -> dict[str, list[str]]:
    """Extra -> its packages, from the installed metadata; the base install's stand under the empty name."""
    found: dict[str, list[str]] = {"": []}
    for line in requires("sinet") or []:
        package = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        assert package is not None
        found.setdefault(extra[1] if extra else "", []).append(package[0])
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
