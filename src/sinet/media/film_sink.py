"""A film out, whole or not at all: `FilmSink`."""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from sinet.core.errors import ImageError, OutputError, SinetError
from sinet.core.types import Alpha8, Rgba8, Size
from sinet.core.yuv import Yuv420
from sinet.media.film_encode import FilmFile, FilmOptions, Source
from sinet.media.film_formats import OUTPUT, check_film_output, is_sequence, sequence_pattern
from sinet.media.film_info import FilmInfo
from sinet.media.film_open import require_av
from sinet.media.film_pixels import grey_of_alpha
from sinet.media.film_sequence import Sequence, put_in_place
from sinet.media.whole import cannot_be_written, mode_of_existing, partial_beside

__all__ = ["OUTPUT", "FilmOptions", "FilmSink", "check_film_output"]


class FilmSink:
    """Writes a film; the suffix chooses the format (`OUTPUT`), a folder's name ending in `/` numbered PNG pictures.

    It is written beside its place under another name and renamed by `finish`: whoever looks finds the old file or the
    new one, never half of one. Missing folders are made. As a context manager it finishes, or after an exception
    leaves nothing.

    Time stamps are kept to the tick in MP4 and QuickTime, in Matroska and WebM to the millisecond, with uneven steps
    as they are. The matrix, range, primaries and transfer of `info` are written into the file, so are the shape of its
    pixels. No rotation is: frames are upright. H.264 and HEVC hold odd widths and heights in 4:4:4 only, and are
    written so, at the exact size.

    Attributes:
        notes: what could not be kept as it was, a sentence each.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        info: FilmInfo,
        options: FilmOptions | None = None,
        *,
        alpha: bool = False,
        copy_from: Path | None = None,
        start: float = 0.0,
        end: float | None = None,
    ) -> None:
        """Open the encoder and begin the file.

        Args:
            path: where to.
            info: what the film is, as `Film.info` says it: size, rate, time base, colours and shape of pixels.
            options: how it is encoded.
            alpha: whether it is see-through.
            copy_from: a film whose sound, subtitles, chapters and titles are carried over: packets as they are where
                the format can hold them. Attachments, data streams and cover pictures are not.
            start: from which second of it on; time stamps of frames count from there.
            end: up to which second; None for all.

        Raises:
            MissingExtraError: PyAV is not installed.
            OutputError: nothing can be written under this name, or this encoder is not there or cannot be opened.
            ImageError: `copy_from` cannot be opened.
        """
        require_av("writing films")
        check_film_output(path, alpha)
        self._name, self._info, self._alpha = os.fspath(path), info, alpha
        self._last: tuple[int, int] | None = None
        self._span = Fraction(start), None if end is None else Fraction(end)
        self._sequence = is_sequence(path)
        self._open = False
        with self._clean():
            self._target, self._mode = self._place()
            self._partial = partial_beside(self._target)
            self._out = self._begin(options or FilmOptions(), copy_from)
            self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.abort()
        elif self._open:
            self.finish()

    @property
    def notes(self) -> list[str]:
        """What could not be kept as it was, a sentence each."""
        return self._out.notes

    def write(self, frame: Yuv420, pts: int, duration: int = 0, alpha: Alpha8 | None = None) -> None:
        """Write a frame.

        Args:
            frame: of the film's size, matrix and range.
            pts: when it is shown, in ticks of the film's time base; later than the frame before.
            duration: for how many ticks; 0 for until the next.
            alpha: (H, W) uint8, for a see-through film; None for opaque.

        Raises:
            ImageError: it is of another size, or its time stamp is not later.
            OutputError: it cannot be written; nothing is left of the film then.
        """
        self._check(frame.size, pts, "alpha" if alpha is not None else None)
        if alpha is not None and alpha.shape != frame.size:
            raise ImageError(f"expected an alpha of the frame's {frame.size}, got {alpha.shape}; resize it first")
        with self._clean(writing=True):
            self._out.write_yuv(frame, pts, duration, alpha)
        self._last = pts, duration

    def write_rgba(self, rgba: Rgba8, pts: int, duration: int = 0) -> None:
        """Write a cut-out (H, W, 4) uint8 with straight alpha into a see-through film; else as `write`."""
        if rgba.ndim != 3 or rgba.shape[2] != 4 or rgba.dtype != "uint8":
            raise ImageError(f"expected a cut-out (H, W, 4) uint8, got {rgba.shape} {rgba.dtype}; add its alpha")
        self._check((rgba.shape[0], rgba.shape[1]), pts, "alpha")
        with self._clean(writing=True):
            self._out.write_rgba(rgba, pts, duration)
        self._last = pts, duration

    def write_mask(self, mask: Alpha8, pts: int, duration: int = 0) -> None:
        """Write a matte (H, W) uint8 as a grey picture, white where it is opaque; else as `write`."""
        if mask.ndim != 2 or mask.dtype != "uint8":
            raise ImageError(f"expected a matte (H, W) uint8, got {mask.shape} {mask.dtype}; bring it to 0..255 first")
        self._check((mask.shape[0], mask.shape[1]), pts, None)
        with self._clean(writing=True):
            if isinstance(self._out, Sequence):
                self._out.write_picture(mask)
            else:
                self._out.write_yuv(grey_of_alpha(mask, self._info), pts, duration, None)
        self._last = pts, duration

    def finish(self, *, early: bool = False) -> None:
        """Close the film and give it its name.

        Args:
            early: whether the picture ends before the piece does, as after Ctrl-C; the sound ends with it then.

        Raises:
            OutputError: it cannot be written, or holds no frame; nothing is left of it then.
        """
        if not self._open:
            return
        with self._clean():
            if self._last is None:
                raise OutputError(f"{self._name}: no frame was written; nothing is left to show")
            self._out.finish(self._end_of_picture() if early else None)
            if self._sequence:
                put_in_place(self._partial, self._target)
            else:
                if self._mode is not None:
                    self._partial.chmod(self._mode)
                self._partial.replace(self._target)
        self._open = False

    def abort(self) -> None:
        """Leave nothing of the film; whatever stood under its name stands there still."""
        out = getattr(self, "_out", None)
        partial = getattr(self, "_partial", None)
        if out is not None and self._open:
            with suppress(Exception):  # its tail may be what cannot be written
                out.close()
        self._open = False
        if partial is not None:
            with suppress(OSError):
                shutil.rmtree(partial) if partial.is_dir() else partial.unlink(missing_ok=True)

    def _begin(self, options: FilmOptions, copy_from: Path | None) -> FilmFile | Sequence:
        if not self._sequence:
            source = None if copy_from is None else Source(Path(copy_from), self._span)
            return FilmFile(self._name, self._partial, self._info, options, self._alpha, source)
        out = Sequence(sequence_pattern(self._name)[1], self._partial, self._info, self._alpha)
        if copy_from is not None:
            out.notes.append("sound left out: numbered pictures hold none")
        return out

    def _place(self) -> tuple[Path, int | None]:
        """The final place, its folder made, and the mode of what stands there."""
        if self._sequence:
            folder = Path(os.path.realpath(sequence_pattern(self._name)[0]))
            folder.parent.mkdir(parents=True, exist_ok=True)
            if folder.exists() and not folder.is_dir():
                raise OutputError(f"{self._name}: a file stands where a folder is needed; choose another folder")
            return folder, None
        target = Path(os.path.realpath(self._name))
        mode = mode_of_existing(target, self._name)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target, mode

    def _check(self, size: Size, pts: int, alpha: str | None) -> None:
        if not self._open:
            raise OutputError(f"{self._name}: is finished already; open a new one")
        if alpha is not None and not self._alpha:
            raise ImageError(
                f"{self._name}: was opened as opaque; open it with alpha=True to write what is see-through"
            )
        if size != self._info.size:
            (height, width), (its, own) = size, self._info.size
            raise ImageError(f"{self._name}: a frame of {width}x{height} in a film of {own}x{its}; resize it first")
        if self._last is not None and pts <= self._last[0]:
            raise ImageError(f"{self._name}: time stamp {pts} is not later than {self._last[0]}; give frames in order")

    def _end_of_picture(self) -> Fraction:
        pts, duration = self._last or (0, 0)
        return pts * self._info.time_base + (duration * self._info.time_base or 1 / self._info.rate)

    @contextmanager
    def _clean(self, writing: bool = False) -> Generator[None]:
        """Whatever fails, nothing is left, and what the system refused becomes a sentence."""
        try:
            yield
        except SinetError:
            self.abort()
            raise
        except Exception as error:  # FFmpeg's errors are of many families
            self.abort()
            raise cannot_be_written(self._name, error) from error
        except BaseException:  # Ctrl-C while frames are written leaves the choice: `finish(early=True)` or `abort`
            if not writing:
                self.abort()
            raise
