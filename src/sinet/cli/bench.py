"""`sinet bench`: latency of every stage, and of several networks that take turns."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sinet.evaluation.report import Contender

HELP = """Measure latency, stage by stage.

Every stage of a cut-out is timed by itself, and the whole from the file's bytes to the PNG's. With --against, further
networks take turns with the first on the same picture (A B C A B C ...), so that their ratios hold although the machine
is not equally fast from second to second.

MODEL is a name of 'sinet models' or a network's file; FILE=SPEC names the spec of a file that does not say itself what
it expects. Times are wall time in milliseconds; p95 is what 95 of 100 turns stay under; "x median" and "x min" are a
network's median and minimum over those of the first.
"""


@click.command("bench", help=HELP)
@click.option("-m", "--model", metavar="MODEL", help="The network to measure.")
@click.option("--against", metavar="MODEL", multiple=True, help="Another network to compare; may be given again.")
@click.option("--backend", "engine", metavar="ENGINE", default="auto", help="Engine that runs the first network.")
@click.option(
    "--threads", metavar="N", type=click.IntRange(1), default=1, help="Threads for the network; 1 by default."
)
@click.option("--picture", metavar="FILE", type=click.Path(path_type=Path), help="Instead of a drawn one of 1920x1080.")
@click.option("--runs", metavar="N", type=click.IntRange(1), default=20, help="Turns that count; 20 by default.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON document on stdout.")
def command(
    model: str | None,
    against: tuple[str, ...],
    engine: str,
    threads: int,
    picture: Path | None,
    runs: int,
    as_json: bool,
) -> int:
    """Measure; the help text is `HELP`."""
    from sinet.evaluation.report import bench
    from sinet.runtime.catalog import names

    encoded = _read(picture)
    contenders = [_open(model or names()[0], engine, threads), *(_open(name, "auto", threads) for name in against)]
    if sys.stderr.isatty():
        click.echo(f"measuring {runs} turns of {len(contenders)} networks and 9 stages ...", err=True)
    report = {"threads": threads, **bench(contenders, encoded, runs)}
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        _print_words(report)
    return 0


def _open(name: str, engine: str, threads: int) -> "Contender":
    """Open `MODEL` or `FILE=SPEC`."""
    from sinet.evaluation.report import Contender
    from sinet.pipeline.segmenter import Segmenter
    from sinet.runtime.catalog import find_model

    file, spec = name, None
    if "=" in name and not Path(name).exists():
        file, spec = name.rsplit("=", 1)
    file_bytes = find_model(file, spec, engine).path.stat().st_size
    return Contender(name, file_bytes, Segmenter(file, spec=spec, engine=engine, threads=threads))


def _read(picture: Path | None) -> bytes:
    """The picture's bytes, or those of the drawn one."""
    from sinet.core.errors import ImageError
    from sinet.evaluation.picture import synthetic_portrait
    from sinet.media.sinks import encode_image

    if picture is None:
        return encode_image(synthetic_portrait(), ".jpg")
    try:
        return picture.read_bytes()
    except OSError as error:
        raise ImageError(f"{picture}: the picture cannot be read ({error.strerror}); check its name") from error


def _print_words(report: dict[str, Any]) -> None:
    machine, networks, first = report["machine"], report["networks"], report["networks"][0]
    height, width = report["picture"]["size"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    threads = "1 thread" if report["threads"] == 1 else f"{report['threads']} threads"
    click.echo(f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; {threads}")
    click.echo(f"Python {machine['python']}, {versions}")
    click.echo(f"picture {width}x{height}; {first['runs']} turns after {report['warm_up']} to warm up; milliseconds\n")
    click.echo(f"{first['model']:<28}{'median':>9}{'p95':>9}{'min':>9}")
    for name, timing in report["stages"].items():
        click.echo(f"  {name:<26}" + _times(timing))
    click.echo(f"\n{'the network alone':<28}{'median':>9}{'p95':>9}{'min':>9}{'x median':>10}{'x min':>8}")
    for row in networks:
        click.echo(f"  {row['model']:<26}{_times(row)}{row['ratio_p50']:>10.2f}{row['ratio_min']:>8.2f}")
        click.echo(f"    {_facts(row)}")
    if report["peak_memory_bytes"] is not None:
        click.echo(f"\npeak memory of this process {report['peak_memory_bytes'] / 2**20:.0f} MiB")


def _times(timing: dict[str, Any]) -> str:
    return "".join(f"{timing[key]:>9.2f}" for key in ("p50_ms", "p95_ms", "min_ms"))


def _facts(row: dict[str, Any]) -> str:
    height, width = row["input_size"]
    facts = f"{row['engine']}, input {width}x{height}, file {row['file_bytes'] / 1000:.0f} kB"
    if row["params"] is None:
        return facts
    return f"{facts}, {row['params']:,} parameters, {row['macs'] / 1e6:.2f} M multiply-adds"
