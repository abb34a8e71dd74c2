"""`sinet data composite`: people over new backgrounds."""

from pathlib import Path

import click

from sinet.cli.data.making import Making, make, making_options

HELP = """Put people over new backgrounds.

FOREGROUNDS is a labelled folder (images/ and masks/) or a made set; alphas/ are used where it has them. BACKGROUNDS is
a folder of pictures with nobody in them, or one that holds them in images/.

People are cut out without the old background's colours. What cut them off in the old picture, its bottom or a side,
does so in the new one. Light, sharpness and noise are brought towards each other, each person's by a random strength
up to the one given. SET gets images/, masks/ (person where alpha is above 1/2) and alphas/; the manifest records every
choice. The same seed, pictures and options give the same bytes; a larger --count adds to a finished SET.
"""

SHARE = click.FloatRange(0, 1)


@click.command("composite", help=HELP)
@click.argument("foregrounds", metavar="FOREGROUNDS")
@click.argument("backgrounds", metavar="BACKGROUNDS")
@click.option("--count", metavar="N", type=click.IntRange(1), required=True, help="How many pictures to make.")
@click.option("--seed", metavar="S", type=click.IntRange(0), default=0, help="Of all choices; 0 without.")
@click.option("--list", "names", metavar="FILE", type=click.Path(path_type=Path), help="Only these foregrounds.")
@click.option("--skip-list", "skipped", metavar="FILE", type=click.Path(path_type=Path), help="Not these foregrounds.")
@click.option(
    "--skip-backgrounds", metavar="FILE", type=click.Path(path_type=Path), help="Not these backgrounds: held-out ones."
)
@click.option("--size", metavar="PX", type=click.IntRange(32), default=384, help="Short side; 384 without.")
@click.option(
    "--height",
    metavar="MIN MAX",
    type=(click.FloatRange(0.02, 1), click.FloatRange(0.02, 1)),
    default=(0.2, 0.95),
    help="A person's height as a part of the picture's; 0.2 0.95 without.",
)
@click.option("--people", metavar="N", type=click.IntRange(1, 5), default=3, help="At most so many; 3 without.")
@click.option("--light", metavar="S", type=SHARE, default=0.8, help="Match of light and colour; 0.8 without.")
@click.option("--blur", metavar="S", type=SHARE, default=1.0, help="Match of sharpness; 1 without.")
@click.option("--noise", metavar="S", type=SHARE, default=1.0, help="Match of noise; 1 without.")
@click.option("--shadows", metavar="SHARE", type=SHARE, default=0.3, help="People who throw one; 0.3 without.")
@click.option("--licence", metavar="TEXT", default="none stated", help="What is stated of the foregrounds.")
@click.option("--licence-backgrounds", metavar="TEXT", default="none stated", help="And of the backgrounds.")
@making_options
@click.pass_context
def command(
    ctx: click.Context,
    foregrounds: str,
    backgrounds: str,
    count: int,
    seed: int,
    names: Path | None,
    skipped: Path | None,
    skip_backgrounds: Path | None,
    size: int,
    height: tuple[float, float],
    people: int,
    light: float,
    blur: float,
    noise: float,
    shadows: float,
    licence: str,
    licence_backgrounds: str,
    **making: object,
) -> None:
    """Make the set; exit status 1 where rows failed."""
    from sinet.generate.composite import CompositeOptions, CompositeStep
    from sinet.media.places import open_place

    if height[0] > height[1]:
        raise click.UsageError(f"--height {height[0]:g} {height[1]:g}: give the lesser height first")
    step = CompositeStep(
        open_place(foregrounds),
        open_place(backgrounds),
        count,
        seed,
        CompositeOptions(size, height, people, light, blur, noise, shadows),
        names,
        skipped,
        skip_backgrounds,
        licence,
        licence_backgrounds,
    )
    ctx.exit(make(step, Making(**making), foregrounds, backgrounds))  # pyright: ignore[reportArgumentType]
