"""`sinet serve`: the page and the HTTP service, on this machine or for the network that it is in."""

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sinet.serve.settings import Settings

HELP = """Serve the page and the HTTP service.

The page cuts out in the browser itself: what it is shown is not sent anywhere. The service answers to POST /v1/cut,
and to the addresses of rembg's server (/api/remove) and remove.bg (/v1.0/removebg); /openapi.json describes all of it.

It listens on this machine alone unless --host or --lan says otherwise, fetches no address, opens no file that a
request names, and keeps nothing. A key that clients must show stands in SINET_API_KEY or in the file of --api-key-file.

SIGTERM lets it finish what it has accepted.

\b
Exit status:
  0    ended by SIGTERM, all accepted requests answered
  2    a mistake in what was asked for, or the port is taken
  130  ended by Ctrl-C, all accepted requests answered
"""


@click.command("serve", help=HELP)
@click.option("--host", metavar="ADDRESS", default=None, help="Where to listen; 127.0.0.1 by default.")
@click.option(
    "--port", metavar="N", type=click.IntRange(0, 65535), default=8000, help="8000 by default; 0 is any that is free."
)
@click.option("--lan", is_flag=True, help="Listen to the whole network, and show a code for a phone's camera.")
@click.option("-m", "--model", metavar="NAME|FILE", help="The network for requests that name none.")
@click.option("--workers", metavar="N", type=click.IntRange(1), help="Pictures at once; one for each core by default.")
@click.option(
    "--max-body", metavar="MB", type=click.FloatRange(0.001, 1000), default=32, help="Longest body; 32 MB by default."
)
@click.option(
    "--max-pixels",
    metavar="MP",
    type=click.FloatRange(0.001, 100),
    default=25,
    help="Largest picture in megapixels; 25 by default.",
)
@click.option(
    "--max-queue",
    metavar="N",
    type=click.IntRange(0),
    default=64,
    help="Requests that may wait for a worker; 64 by default.",
)
@click.option(
    "--max-connections",
    metavar="N",
    type=click.IntRange(1),
    default=512,
    help="Connections open at once; 512 by default.",
)
@click.option(
    "--max-held",
    metavar="MB",
    type=click.FloatRange(0.001),
    default=512,
    help="What all bodies in memory may take; 512 MB by default.",
)
@click.option(
    "--work-time",
    metavar="S",
    type=click.FloatRange(0.01),
    default=30,
    help="Seconds for waiting and work; 30 by default.",
)
@click.option(
    "--head-time",
    metavar="S",
    type=click.FloatRange(0.01),
    default=10,
    help="Seconds for a request's head to come; 10 by default.",
)
@click.option(
    "--body-time",
    metavar="S",
    type=click.FloatRange(0.01),
    default=60,
    help="Seconds for its body to come, and for its answer to be taken; 60 by default.",
)
@click.option(
    "--api-key-file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="A file with the key that clients must show; else SINET_API_KEY.",
)
@click.option(
    "--allow-host", "hosts", metavar="NAME", multiple=True, help="Another name by which it may be called; repeatable."
)
@click.option(
    "--allow-origin",
    "origins",
    metavar="ORIGIN",
    multiple=True,
    help="A web page that may use it, such as https://example.org, or *; repeatable.",
)
@click.option("--no-page", is_flag=True, help="Serve no page, the service alone.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
def command(**given: Any) -> int:
    """Serve; the help text is `HELP`."""
    if given["lan"] and given["host"] is not None:
        raise click.UsageError("--lan listens to the whole network; leave --host out.")
    _check_installed()
    from sinet.serve.app import build_app
    from sinet.serve.run import bind, serve

    host = "0.0.0.0" if given["lan"] else given["host"] or "127.0.0.1"
    settings = _settings(given, host)
    app = build_app(settings, {} if given["no_page"] else _page(settings.model))
    with bind(host, given["port"]) as listener:
        port = listener.getsockname()[1]
        _announce(host, port, given["lan"] and not given["no_page"], settings)
        if given["open_page"]:
            import webbrowser

            webbrowser.open(f"http://127.0.0.1:{port}/")
        serve(app, listener)
    return 0


def _check_installed() -> None:
    from importlib.util import find_spec

    from sinet.core.errors import MissingExtraError

    if any(find_spec(name) is None for name in ("starlette", "uvicorn", "segno")):
        raise MissingExtraError("the HTTP service", "serve")


def _page(model: str | None) -> dict[str, bytes]:
    from sinet.core.errors import EngineError, ModelError
    from sinet.serve.site import site_files

    try:
        return site_files(model)
    except (EngineError, ModelError) as error:
        raise ModelError(f"{error}; or leave the page out: --no-page") from error


def _settings(given: dict[str, Any], host: str) -> "Settings":
    from sinet.serve.run import LOOPBACK, is_local
    from sinet.serve.settings import Settings, api_key_from

    try:
        key = api_key_from(os.environ, given["api_key_file"])
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--api-key-file or SINET_API_KEY: {error}.") from error
    hosts: tuple[str, ...] | None = tuple(name.lower() for name in given["hosts"]) or None
    if is_local(host):
        hosts = (*LOOPBACK, *(hosts or ()))
    return Settings(
        model=given["model"],
        workers=given["workers"],
        max_body_bytes=int(given["max_body"] * 1e6),
        max_pixels=int(given["max_pixels"] * 1e6),
        max_queue=given["max_queue"],
        max_connections=given["max_connections"],
        max_held_bytes=int(given["max_held"] * 1e6),
        work_s=given["work_time"],
        head_s=given["head_time"],
        body_s=given["body_time"],
        send_s=given["body_time"],
        api_key=key,
        hosts=hosts,
        origins=given["origins"],
    )


def _announce(host: str, port: int, code: bool, settings: "Settings") -> None:
    from sinet.serve.run import is_local

    shown = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host
    click.echo(f"sinet serves on http://{shown}:{port}/ ({settings.threads} workers); Ctrl-C ends it", err=True)
    if not is_local(host):
        asked = "with the key" if settings.api_key else "without a key"
        click.echo(f"warning: others in the network can reach it, {asked}, and nothing is encrypted", err=True)
    if code:
        _show_code(port)


def _show_code(port: int) -> None:
    import sys

    import segno

    address = f"http://{_lan_address()}:{port}/bench.html"
    click.echo(
        f"from a phone in the same network: {address}\n"
        "(browsers give a page the camera only over https or on localhost: there the page takes photos and films)",
        err=True,
    )
    segno.make(address, error="l").terminal(sys.stderr, compact=True, border=2)


def _lan_address() -> str:
    """This machine's address in its network: whence it would speak to others. No packet is sent."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address that documents use: nobody has it
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
