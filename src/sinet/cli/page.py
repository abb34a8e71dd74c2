"""`sinet page`: the page's files for any static host."""

from pathlib import Path

import click

HELP = """Write the page into a folder, for any static host.

The page cuts people out of photos and blurs what is behind them in the camera's picture, all in the reader's browser.
FOLDER then holds everything: no other server is asked for anything. FOLDER/sinet is the module for pages of your own.

Hosts must send .mjs as text/javascript and .wasm as application/wasm, as nearly all do; cameras need https.
"""


@click.command("page", help=HELP)
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("-m", "--model", metavar="NAME|FILE", help="The network: one of 'sinet models', or an artefact's file.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
def command(folder: Path, model: str | None, overwrite: bool) -> int:
    """Write; the help text is `HELP`."""
    from sinet.serve.site import site_files, write_site

    files = site_files(model)
    write_site(files, folder, overwrite=overwrite)
    click.echo(f"{folder}: {len(files)} files, {sum(map(len, files.values())):,} bytes; open it through a web server")
    return 0
