"""`sinet camera`: the camera with another background, in a window and as a camera for other programs."""

import re
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import click

from sinet.cli.keys import Keyboard
from sinet.cli.live import KEYS, Loop

if TYPE_CHECKING:
    from sinet.core.types import Size

HELP = """Put another background behind you, live.

Shows the camera's picture in a window and, with --virtual, gives it to other programs as a camera of its own. While
nobody looks at either, the network does not run.

\b
Keys in the window; without one, the same at the terminal, each with Enter:
  b       the next --background
  m       mirror
  t       how long each stage takes
  space   pause the effect, and go on
  q, Esc  quit

\b
Exit status:
  0    ended by a key, or by closing the window
  2    a camera, a window or a virtual camera cannot be had
  130  stopped by Ctrl-C
"""


@click.command("camera", help=HELP)
@click.option(
    "--device",
    metavar="N",
    default="0",
    help="The camera: a number, or a name of --list; 0 by default. Also a film's file, or synthetic.",
)
@click.option(
    "--background",
    "backgrounds",
    metavar="WHAT",
    multiple=True,
    help="blur (the default), blur:STRENGTH above 0 to 100, a colour, or a picture's file; the key b goes through "
    "those that are given.",
)
@click.option("--preview/--no-preview", default=True, help="Show a window; on unless refused.")
@click.option(
    "--virtual",
    metavar="[DEVICE]",
    is_flag=False,
    flag_value="",
    default=None,
    help="Be a camera for other programs: on Linux a device of v4l2loopback, elsewhere OBS's.",
)
@click.option("--size", metavar="WxH", help="Width and height to ask the camera for; 1280x720 by default.")
@click.option(
    "--rate", metavar="N", type=click.IntRange(1, 240), default=30, help="Pictures a second to ask for; 30 by default."
)
@click.option("--mirror", is_flag=True, help="Swap left and right, as a mirror does.")
@click.option("-m", "--model", metavar="NAME|FILE", help="One of 'sinet models', or a network's file.")
@click.option(
    "--threads", metavar="N", type=click.IntRange(1), default=1, help="Threads for the network; 1 by default."
)
@click.option("--list", "listing", is_flag=True, help="List the cameras, and stop.")
def command(
    device: str,
    backgrounds: tuple[str, ...],
    preview: bool,
    virtual: str | None,
    size: str | None,
    rate: int,
    mirror: bool,
    model: str | None,
    threads: int,
    listing: bool,
) -> int:
    """Run the camera; the help text is `HELP`."""
    if listing:
        return _list()
    if not preview and virtual is None:
        raise click.UsageError("nobody would see it: leave --no-preview out, or add --virtual.")
    wanted = _size(size)
    from sinet.media.camera import Camera
    from sinet.media.preview import Preview
    from sinet.media.virtual_camera import open_virtual_camera
    from sinet.pipeline.stream import open_live

    texts = backgrounds or ("blur",)
    with ExitStack() as open_parts:
        effect = open_parts.enter_context(closing(open_live(texts[0], model=model, threads=threads)))
        camera = open_parts.enter_context(Camera(device, size=wanted, rate=rate))
        shown = open_parts.enter_context(closing(Preview("sinet"))) if preview else None
        passed_on = None
        if virtual is not None:
            passed_on = open_parts.enter_context(
                closing(open_virtual_camera(virtual or None, camera.size, camera.rate))
            )
        _say(f"{camera.device}: {camera.size[1]}x{camera.size[0]}, {camera.rate} pictures/s")
        if passed_on is not None:
            _say(f"other programs find it as {passed_on.device}")
        _say(f"keys{'' if shown else ' (each with Enter)'}: {KEYS}")
        Loop(camera, effect, texts, shown, passed_on, mirror, Keyboard().keys, _say).run()
    return 0


def _say(sentence: str) -> None:
    click.echo(sentence, err=True)


def _list() -> int:
    from sinet.media.camera import list_cameras

    found = list_cameras()
    for device, name in found:
        click.echo(f"{device}  {name}")
    if not found:
        _say("no camera is connected; --device also takes a film's file, or synthetic")
    return 0


def _size(text: str | None) -> "Size | None":
    if text is None:
        return None
    sides = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if sides is None:
        raise click.UsageError(f"--size: expected width x height, as in 1280x720, got {text!r}.")
    return int(sides[2]), int(sides[1])
