"""`sinet data shard`: a set packed into tar files for training at scale."""

import click

from sinet.cli.progress import ProgressLine

HELP = """Pack a set into tar files in WebDataset's form.

SET is a folder or an address that a sinet data step has finished; its rows that were kept, or found good in review, are
packed. OUT becomes index.json and train-000000.tar, train-000001.tar, val-000000.tar and so on. For every row a tar
holds NAME.jpg, NAME.mask.png, NAME.alpha.png where there is one, and NAME.json, the row of the manifest. The same set
gives the same bytes.

sinet train and sinet eval read OUT as they read SET.
"""


@click.command("shard", help=HELP)
@click.argument("folder", metavar="SET")
@click.option("-o", "--out", metavar="OUT", required=True, help="A new folder, or its address (s3://...).")
@click.option(
    "--size-mb", metavar="N", type=click.IntRange(1), default=256, help="At most so large a tar, in MB; 256 by default."
)
@click.option("--split", type=click.Choice(["train", "val", "test"]), help="Pack this part of the set only.")
@click.option("--shuffle", metavar="SEED", type=int, help="Draw the order of the rows from a seed; by name without.")
@click.option("-q", "--quiet", is_flag=True, help="Say failures only.")
def command(folder: str, out: str, size_mb: int, split: str | None, shuffle: int | None, quiet: bool) -> int:
    """Pack; the help text is `HELP`."""
    from typing import cast

    from sinet.data.packing import pack
    from sinet.data.rows import SplitName
    from sinet.media.places import open_place

    line = ProgressLine(quiet=quiet)
    try:
        index = pack(
            open_place(folder),
            open_place(out),
            size_mb=size_mb,
            split=cast("SplitName | None", split),
            shuffle=shuffle,
            each=line.hear,
        )
    finally:
        line.clear()
    if not quiet:
        parts = ", ".join(f"{count} {name}" for name, count in index.counts.items())
        size = sum(shard.bytes for shard in index.shards) / 1e6
        rows, tars = sum(index.counts.values()), len(index.shards)
        click.echo(f"{out}: {rows} rows ({parts}) in {tars} tars, {size:.1f} MB", err=True)
    return 0
