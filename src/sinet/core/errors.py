"""Every exception of the package, its family tree drawn here.

SinetError
├── ImageError        a picture cannot be read, or an array is not a picture
├── ShapeError        a size or shape that the network cannot take
├── SpecError         an artefact's metadata or a spec file is not what it must be
├── ModelError        a model cannot be found, is damaged, or cannot be run
├── EngineError       the engine's library cannot be loaded, or refuses what it is given
├── OutputError       a result cannot be written, or a window or a virtual camera to show it in cannot be had
├── CameraError       a camera cannot be opened, or no longer gives pictures
├── LabelError        a label does not fit its picture
├── StageError        a stage of a film's loop failed; the message names the stage and the frame
├── WorkerError       a process or a machine that shares the work is gone
└── MissingExtraError an optional part is not installed; the message is the command that installs it

A message says what came, what is needed and what to do. User mistakes raise these; `assert` is for our own mistakes.
"""


class SinetError(Exception):
    """Base of everything that the package raises on purpose."""


class ImageError(SinetError):
    """A picture cannot be read, or an array is not a picture."""


class ShapeError(SinetError):
    """A size or shape that the network cannot take."""


class SpecError(SinetError):
    """An artefact's metadata or a spec file is not what it must be."""


class ModelError(SinetError):
    """A model cannot be found, is damaged, or cannot be run."""


class EngineError(SinetError):
    """The engine's library cannot be loaded, or refuses what it is given.

    Attributes:
        code: the number that the library answered with (engine/sinet.h), 0 where it did not answer.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class OutputError(SinetError):
    """A result cannot be written, or a window or a virtual camera to show it in cannot be had."""


class CameraError(SinetError):
    """A camera cannot be opened, or no longer gives pictures."""


class LabelError(SinetError):
    """A label does not fit its picture."""


class StageError(SinetError):
    """A stage of a film's loop failed: reading, cutting or writing; the message names the stage and the frame."""


class WorkerError(SinetError):
    """A process or a machine that shares the work is gone."""


class MissingExtraError(SinetError):
    """An optional part of the package is not installed."""

    def __init__(self, need: str, extra: str) -> None:
        super().__init__(f"{need} needs an optional part that is not installed; run: pip install 'sinet[{extra}]'")
        self._given = need, extra

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        """From a worker's process it comes back made of what it was made of, not of its sentence."""
        return type(self), self._given
