"""Converters talk a lot on stdout and stderr, from Python and from C++. Here it is kept for the case that one fails."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from tempfile import TemporaryFile
from typing import Any

from sinet.core.errors import MissingExtraError, ModelError

TAIL_BYTES = 2000


@contextmanager
def hushed(converter: str) -> Iterator[None]:
    """While it lasts, nothing that this process writes to stdout or stderr is seen, nor any warning or log.

    Args:
        converter: who is at work, for the message.

    Raises:
        ModelError: the block raised something that is not ours; with the end of what was said.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    level = logging.root.manager.disable
    with TemporaryFile() as said, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
        try:
            yield
        except (
            ArithmeticError,
            AssertionError,
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            said.seek(max(0, said.seek(0, os.SEEK_END) - TAIL_BYTES))
            heard = " ".join(said.read().decode("utf-8", "replace").split())
            raise ModelError(
                f"{converter} failed ({type(error).__name__}: {error}); try another version of it, or another target. "
                f"It said last: {heard[-TAIL_BYTES:] or 'nothing'}"
            ) from error
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, stream)
                os.close(copy)
            logging.disable(level)


def library(name: str, need: str, extra: str) -> Any:
    """A module of a converter, or of what belongs to it; they talk while they are imported, too.

    Args:
        name: the module's.
        need: what it is wanted for, for the message where it is not installed.
        extra: what installs it.

    Raises:
        MissingExtraError: it is not installed.
        ModelError: it is, and cannot be imported.
    """
    try:
        with hushed(name):
            return import_module(name)
    except ImportError as error:
        raise MissingExtraError(need, extra) from error
