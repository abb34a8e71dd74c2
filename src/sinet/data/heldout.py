"""Held-out pictures as a list of hashes, so that they can be looked for without being shared.

A line a picture: its print of 256 bits (`sinet.data.likeness`; `-` for a plain picture), the sha256 of its file, and
its name. A print tells the rough layout of light and dark and no more; nobody can be recognised by it.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sinet.core.errors import ImageError, OutputError
from sinet.data.checks import HeldOut, Seen
from sinet.data.likeness import Prints
from sinet.media.sinks import save_bytes

FORMAT = "# sinet-hashes-1"


def save_hashes(seen: Iterable[Seen], path: Path) -> int:
    """Write the hashes of all pictures that could be read and say how many they are.

    Raises:
        OutputError: the file cannot be written.
    """
    # A name may hold a line break: it is written as in JSON, without the quotes.
    lines = [
        f"{_to_text(one.print)} {one.sha256} {json.dumps(one.entry.name)[1:-1]}"
        for one in seen
        if one.sha256 is not None
    ]
    if not lines:
        raise OutputError(f"{path}: no picture could be read, so there are no hashes to write")
    save_bytes("\n".join([FORMAT, *lines, ""]).encode("ascii"), path)
    return len(lines)


def read_hashes(path: Path) -> HeldOut:
    """Read such a list.

    Raises:
        ImageError: there is no such file, or a line of it is no hash.
    """
    try:
        lines = path.read_bytes().decode("ascii").splitlines()
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: the list cannot be read ({error}); {_WAY_OUT}") from error
    if not lines or lines[0] != FORMAT:
        raise ImageError(f"{path}: is no list of hashes (its first line is not {FORMAT!r}); {_WAY_OUT}")
    held_out = HeldOut()
    for number, line in enumerate(lines[1:], 2):
        fields = line.split(" ", 2)
        try:
            print_, digest, name = fields
            held_out.prints.append(_from_text(print_))
            if len(bytes.fromhex(digest)) != 32:
                raise ValueError(f"a digest of {len(digest)} digits")
            held_out.names.append(json.loads(f'"{name}"'))
            held_out.digests.append(digest)
        except ValueError as error:
            raise ImageError(f"{path}, line {number}: is no hash ({error}); write the list again") from error
    return held_out


_WAY_OUT = "give a folder of pictures, or a file that sinet data check --write-hashes wrote"


def held_out_of(seen: Iterable[Seen], title: str) -> HeldOut:
    """The held-out pictures of a folder that is at hand."""
    known = [(one, one.sha256) for one in seen if one.sha256 is not None]
    names = [f"{title}/{one.entry.name}" for one, _ in known]
    return HeldOut(names, [one.print for one, _ in known], [digest for _, digest in known])


def merged(parts: Iterable[HeldOut]) -> HeldOut:
    """Several lists as one."""
    whole = HeldOut()
    for part in parts:
        whole.names.extend(part.names)
        whole.prints.extend(part.prints)
        whole.digests.extend(part.digests)
    return whole


def _to_text(print_: Prints | None) -> str:
    return "-" if print_ is None else print_.astype(">u8").tobytes().hex()


def _from_text(text: str) -> Prints | None:
    if text == "-":
        return None
    content = bytes.fromhex(text)
    if len(content) != 32:
        raise ValueError(f"a print of {len(text)} digits")
    return np.frombuffer(content, ">u8").astype(np.uint64)
