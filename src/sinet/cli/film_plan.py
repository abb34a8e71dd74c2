"""What one call on films will do, settled before the first film is read."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from sinet.cli.sources import find_pictures
from sinet.cli.targets import check_apart, check_folder, check_named, name_outputs
from sinet.core.errors import OutputError
from sinet.media.film_formats import OUTPUT, check_film_output, is_sequence
from sinet.pipeline.batch import Job
from sinet.pipeline.film_background import FILM_SUFFIXES


def plan_films(sources: Sequence[str], output: str | None, suffix: str | None, has_alpha: bool) -> list[Job]:
    """Find the films, name the outputs, and refuse every mistake that can be seen now.

    Args:
        sources: files, folders or patterns.
        output: a file, a folder, or None; with a counter such as `%06d.png` the pictures of one film.
        suffix: format of outputs, with or without the dot; None for mp4, or mov where they are see-through.
        has_alpha: results have transparency.

    Raises:
        ImageError: a source cannot be one.
        OutputError: an output cannot be one, or its format cannot hold the result.
    """
    check_named(output)
    end = "." + (suffix or ("mov" if has_alpha else "mp4")).removeprefix(".").lower()
    found = find_pictures(sources, FILM_SUFFIXES, Path(output) if output else None)
    single = len(sources) == 1 and not found.searched
    if single and output is not None and not (output.endswith(("/", os.sep)) or Path(output).is_dir()):
        jobs = [Job(found.pictures[0].path, Path(output))]
        check_folder(jobs[0].output.absolute().parent)
        check_apart(jobs)
    elif output is not None and Path(output).suffix.lower() in OUTPUT and not Path(output).is_dir():
        raise OutputError(f"{output}: this names one film, and there may be several; name a folder with -o")
    else:
        jobs = name_outputs(found, Path(output) if output else None, end)
    for job in jobs:
        check_film_output(job.output, has_alpha)
    return jobs


def is_taken(output: Path) -> bool:
    """Whether something stands there already."""
    if is_sequence(output):
        return any(output.parent.glob(re.sub(r"%0?\d*d", "[0-9]*", output.name)))
    return output.exists()
