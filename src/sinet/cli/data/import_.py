"""`sinet data import`: other tools' labels as a set."""

from typing import TYPE_CHECKING, Any

import click

from sinet.cli.data.making import Making, make, making_options

if TYPE_CHECKING:
    from sinet.data.formats.entries import Reading, Values

FORMATS = ("folders", "eg1800", "voc", "coco", "cityscapes", "cvat", "label-studio")

HELP = """Read other tools' labels into a set.

FORMAT says how the labels in SOURCE are written:

\b
folders       images/ and masks/ with grey masks; also a set that sinet made
eg1800        EG1800 as published: .mat masks, or PNG ones
voc           Pascal VOC: JPEGImages/, SegmentationClass/, ImageSets/
coco          COCO instances: polygons and run lengths
cityscapes    leftImg8bit/ and gtFine/
cvat          CVAT for images 1.1, unpacked: annotations.xml, images/
label-studio  Label Studio's JSON, with the pictures beside it

Pictures are copied byte for byte; those that EXIF turns, or of a rare kind, are written anew and upright. A picture
that is missing or damaged, a mask of another size or with unknown values, a broken polygon: each is a row that failed,
with its reason, and the rest goes on.
"""


@click.command("import", help=HELP)
@click.argument("form", metavar="FORMAT", type=click.Choice(FORMATS))
@click.argument("source", metavar="SOURCE")
@click.option(
    "--person",
    metavar="NAME",
    multiple=True,
    help="A label that means a person; repeatable. Without: person, people, human, portrait, man, woman, ...",
)
@click.option(
    "--ignored", metavar="NAME", multiple=True, help="A label of what shall not count. Without: ignored, void, ..."
)
@click.option("--person-value", metavar="V", multiple=True, help="folders: a grey that is person: 255, or 128-255.")
@click.option("--ignored-value", metavar="V", multiple=True, help="folders: a grey that shall not count; 128 without.")
@click.option(
    "--background-value",
    metavar="V",
    multiple=True,
    help="folders: a grey that is background: 0, or rest for all else.",
)
@click.option("--images", metavar="NAME", help="The folder of pictures in SOURCE, where it has another name.")
@click.option("--masks", metavar="NAME", help="folders, eg1800: the folder of masks in SOURCE.")
@click.option("--mask-suffix", metavar="TEXT", default="", help="folders: ann.jpg has the mask annTEXT.png.")
@click.option(
    "--empty",
    type=click.Choice(["keep", "skip"]),
    default="skip",
    help="Pictures without annotation: keep them as showing nobody, or skip them, which is the default.",
)
@click.option(
    "--val",
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Put this share in the split val, where FORMAT has no splits.",
)
@click.option("--seed", metavar="N", type=int, default=0, help="Decides which go to val; 0 without.")
@click.option("--licence", metavar="TEXT", help="What is stated of the pictures.")
@making_options
def command(form: str, source: str, **given: Any) -> int:
    """Import; the help text is `HELP`."""
    from sinet.generate.importing import ImportStep

    reading = _reading(form, given)
    step = ImportStep(form, source, reading, given["empty"], given["val"], given["seed"], given["licence"])
    return make(step, Making(*(given[key] for key in Making.__dataclass_fields__)), source)


def _reading(form: str, given: dict[str, Any]) -> "Reading":
    from sinet.data.formats.entries import Reading
    from sinet.data.formats.table import FORMS

    row = FORMS[form]
    _only_for(form, row.labels, given, "person", "ignored")
    _only_for(form, row.values, given, "person_value", "ignored_value", "background_value", "mask_suffix")
    _only_for(form, not row.labels, given, "masks")
    usual = Reading()
    rest = "rest" in given["background_value"]
    background = tuple(value for value in given["background_value"] if value != "rest")
    return Reading(
        person=_small(given["person"]),
        ignored=_small(given["ignored"]),
        person_values=_values(given["person_value"], "--person-value") or usual.person_values,
        ignored_values=_values(given["ignored_value"], "--ignored-value") or usual.ignored_values,
        background_values=None if rest else _values(background, "--background-value") or usual.background_values,
        images=_folder(given["images"], "--images"),
        masks=_folder(given["masks"], "--masks"),
        mask_suffix=given["mask_suffix"],
    )


def _only_for(form: str, takes: bool, given: dict[str, Any], *keys: str) -> None:
    said = [key for key in keys if given[key]]
    if said and not takes:
        raise click.UsageError(f"--{said[0].replace('_', '-')} says nothing about {form}; leave it out")


def _small(names: tuple[str, ...]) -> tuple[str, ...] | None:
    return tuple(name.strip().lower() for name in names) or None


def _folder(name: str | None, option: str) -> str | None:
    from sinet.data.formats.entries import inside

    if name is None:
        return None
    found = inside(name.rstrip("/"))
    if found is None:
        raise click.BadParameter(f"{name!r} is no folder in SOURCE; give its name relative to it", param_hint=option)
    return found


def _values(texts: tuple[str, ...], option: str) -> "Values":
    """Ranges from texts like 255 and 128-255."""
    ranges: list[tuple[int, int]] = []
    for text in texts:
        low, _, high = text.partition("-")
        try:
            ends = int(low), int(high or low)
        except ValueError:
            ends = 1, 0
        if not 0 <= ends[0] <= ends[1] <= 65535:
            raise click.BadParameter(f"{text!r} is no grey value or range, like 255 or 128-255", param_hint=option)
        ranges.append(ends)
    return tuple(ranges)
