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
is not equally fast from second to second; each runs twice in its turn, and the second run is timed.

MODEL is a name of 'sinet models' or a network's file; FILE=SPEC names the spec of a file that does not say itself what
it expects; ENGINE: before it names the engine, native/avx2: the engine and its instruction set. Times are wall time in
milliseconds; p95 is what 95 of 100 turns stay under; "x median" and "x min" are a network's median and minimum over
those of the first.

The floor is how long as many multiply-adds as the network has would take as matrix products, at this core's best rate
in the same run; "x floor" is a network's minimum over it.

--device-report measures this device in one go, on one thread and on all, and prints Markdown to paste, with a row for
docs/reference/devices.md; it tells the processor's name and the system, and nothing of you.
"""

PLAN = {"stages": True, "floor": True, "steps": False, "sizes": False}
"""What is measured unless the options say otherwise."""


@click.command("bench", help=HELP)
@click.option("-m", "--model", metavar="MODEL", help="The network to measure.")
@click.option(
    "--against", metavar="[ENGINE:]MODEL", multiple=True, help="Another network to compare; may be given again."
)
@click.option("--backend", "engine", metavar="ENGINE", default="auto", help="Engine that runs the first network.")
@click.option(
    "--threads", metavar="N", type=click.IntRange(1), default=1, help="Threads for the network; 1 by default."
)
@click.option("--picture", metavar="FILE", type=click.Path(path_type=Path), help="Instead of a drawn one of 1920x1080.")
@click.option("--runs", metavar="N", type=click.IntRange(1), default=20, help="Turns that count; 20 by default.")
@click.option("--stages/--no-stages", default=True, help="Time the stages of a cut-out, or the networks alone.")
@click.option("--floor/--no-floor", default=True, help="Measure the rate of matrix products, or do not.")
@click.option("--steps", is_flag=True, help="Also say where the time of the first network goes, step by step.")
@click.option("--sizes", is_flag=True, help="Also run the first network at sizes from 160x160 to 640x640.")
@click.option("--device-report", is_flag=True, help="Only measure this device, for a table of devices.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON document on stdout.")
def command(
    model: str | None,
    against: tuple[str, ...],
    engine: str,
    threads: int,
    picture: Path | None,
    device_report: bool,
    as_json: bool,
    **plan: Any,
) -> int:
    """Measure; the help text is `HELP`."""
    from sinet.evaluation.report import Plan, bench
    from sinet.runtime.catalog import names

    encoded = _read(picture)
    if device_report:
        if against or threads != 1 or plan != {"runs": plan["runs"], **PLAN}:
            raise click.UsageError(
                "--device-report has one network and its own plan: leave --against, --threads, "
                "--no-stages, --no-floor, --steps and --sizes out."
            )
        return _report_device(model or names()[0], engine, encoded, plan["runs"], as_json)
    contenders = [
        open_contender(model or names()[0], engine, threads),
        *(open_contender(name, "auto", threads) for name in against),
    ]
    if sys.stderr.isatty():
        click.echo(f"measuring {plan['runs']} turns of each of {len(contenders)} networks ...", err=True)
    report = {"threads": threads, **bench(contenders, encoded, Plan(**plan))}
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        print_report(report)
    return 0


def _report_device(model: str, engine: str, picture: bytes, runs: int, as_json: bool) -> int:
    from sinet.evaluation.device import device_report, markdown
    from sinet.evaluation.machine import describe_machine

    cores = describe_machine().cores
    contenders = [open_contender(model, engine, threads) for threads in sorted({1, cores})]
    report = device_report(contenders, picture, runs)
    click.echo(json.dumps(report, indent=2) if as_json else markdown(report))
    return 0


def open_contender(word: str, engine: str, threads: int) -> "Contender":
    """Open `[ENGINE[/SET]:]MODEL[=SPEC]`."""
    from sinet.evaluation.report import Contender
    from sinet.pipeline.segmenter import Segmenter
    from sinet.runtime.catalog import find_model
    from sinet.runtime.engines import ENGINES

    prefix, _, rest = word.partition(":")
    named, _, isa = prefix.partition("/")
    name, engine = (rest, named) if named in ENGINES else (word, engine)
    file, spec = name, None
    if "=" in name and not Path(name).exists():
        file, spec = name.rsplit("=", 1)
    found = find_model(file, spec, engine)
    segmenter = Segmenter(file, spec=spec, engine=engine, threads=threads)
    if isa and name is rest:
        from sinet.evaluation.engine import on_instruction_set

        segmenter.backend = on_instruction_set(found, threads, isa)
    return Contender(word, found.path, segmenter)


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


def print_report(report: dict[str, Any]) -> None:
    """Print what `bench` found, in words."""
    machine, networks = report["machine"], report["networks"]
    height, width = report["picture"]["size"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    threads = "1 thread" if report["threads"] == 1 else f"{report['threads']} threads"
    click.echo(f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; {threads}")
    click.echo(f"Python {machine['python']}, {versions}")
    turns = f"{networks[0]['runs']} turns after {report['warm_up']} to warm up"
    click.echo(f"picture {width}x{height}; {turns}; subnormals {report['subnormals']}; milliseconds")
    if report["floor"] is not None:
        _print_floor(report["floor"], networks[0])
    if report["stages"] is not None:
        click.echo(f"\n{networks[0]['model']:<32}{'median':>9}{'p95':>9}{'min':>9}")
        for name, timing in report["stages"].items():
            click.echo(f"  {name:<30}" + _times(timing))
    click.echo(
        f"\n{'the network alone':<44}{'median':>9}{'p95':>9}{'min':>9}{'x median':>10}{'x min':>8}{'x floor':>9}"
    )
    for row in networks:
        ratios = f"{row['ratio_p50']:>10.2f}{row['ratio_min']:>8.2f}{_ratio(row):>9}"
        click.echo(f"  {row['model'] + ', ' + row['engine']:<42}{_times(row)}{ratios}")
        click.echo(f"    {_facts(row)}")
    if report["steps"] is not None:
        _print_steps(report["steps"])
    if report["sizes"] is not None:
        _print_sizes(report["sizes"])
    if report["peak_memory_bytes"] is not None:
        click.echo(f"\npeak memory of this process {report['peak_memory_bytes'] / 2**20:.0f} MiB")


def _print_floor(rates: list[dict[str, Any]], first: dict[str, Any]) -> None:
    fastest: dict[str, dict[str, Any]] = {}
    for rate in rates:  # the fastest stands first
        fastest.setdefault(rate["kernels"], rate)
    for rate in fastest.values():
        shape = "x".join(str(side) for side in rate["shape"])
        words = f"{rate['macs_per_s'] / 1e9:.1f} G multiply-adds/s in a product of {shape} by {rate['kernels']} kernels"
        if first["macs"]:
            words += f", {first['macs'] / rate['macs_per_s'] * 1e3:.3f} ms for the first network's"
        click.echo(f"floor: {words}" if rate is rates[0] else f"       {words}")


def _print_steps(steps: dict[str, Any]) -> None:
    click.echo(
        f"\n{'steps, ' + steps['isa']:<32}{'median':>9}{'min':>9}{'share':>8}{'M m-a':>8}{'G/s':>8}{'x floor':>9}"
    )
    for row in steps["rows"]:
        work = f"{row['macs'] / 1e6:>8.2f}{row['macs_per_s'] / 1e9:>8.1f}" if row["macs"] else f"{'-':>8}{'-':>8}"
        times = f"{row['p50_ms']:>9.3f}{row['min_ms']:>9.3f}{row['share']:>8.1%}"
        click.echo(f"  {row['name']:<30}{times}{work}{_ratio(row):>9}")
    click.echo(f"  {'together':<39}{steps['total_min_ms']:>9.3f}")
    click.echo(f"  {'a whole run':<30}{steps['whole']['p50_ms']:>9.3f}{steps['whole']['min_ms']:>9.3f}")


def _print_sizes(sizes: list[dict[str, Any]]) -> None:
    click.echo(f"\n{'input':<32}{'median':>9}{'p95':>9}{'min':>9}{'ns/pixel':>10}{'x least':>9}")
    for row in sizes:
        name = f"{row['size'][1]}x{row['size'][0]}"
        click.echo(f"  {name:<30}{_times(row)}{row['ns_per_pixel']:>10.2f}{row['ratio_cheapest']:>9.2f}")


def _times(timing: dict[str, Any]) -> str:
    return "".join(f"{timing[key]:>9.2f}" for key in ("p50_ms", "p95_ms", "min_ms"))


def _ratio(row: dict[str, Any]) -> str:
    return "-" if row["ratio_floor"] is None else f"{row['ratio_floor']:.2f}"


def _facts(row: dict[str, Any]) -> str:
    height, width = row["input_size"]
    facts = f"{row['file']}, {row['file_bytes'] / 1000:.0f} kB, input {width}x{height}"
    if row["params"] is None:
        return facts
    return f"{facts}, {row['params']:,} parameters, {row['macs'] / 1e6:.2f} M multiply-adds"
