"""The `sinet` command, also `python -m sinet`: run one verb and turn whatever happens into words and a status.

| status | meaning |
|---|---|
| 0 | done, or there already |
| 1 | some pictures failed; each is named on stderr |
| 2 | a mistake in what was asked for; nothing was done |
| 3 | the one picture asked for shows nobody |
| 130 | stopped by Ctrl-C |
| 141, 143 | the reader of the output went away; stopped by a termination signal |

`SINET_DEBUG=1` adds the traceback to any failure.
"""

import os
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

import click

from sinet.cli import COMPLETION_VARIABLE, group
from sinet.core.errors import SinetError

INTERRUPTED, READER_GONE, TERMINATED = 130, 141, 143


def main() -> NoReturn:
    """Run the command line that this process was started with, and leave."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries warn of damaged metadata that nobody asked about
    # As an exception a termination unwinds the stack, and half-written files are removed on the way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args:
        arguments: the words after `sinet`.

    Returns:
        The exit status.
    """
    try:
        status = _call(list(arguments))
        if sys.stdout is not None:  # closed by whoever started us
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout once more on its way out; give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return READER_GONE
    except Exception as error:
        sentence, status = _explain(error)
        if os.environ.get("SINET_DEBUG") == "1":
            import traceback

            traceback.print_exc()
        click.echo(f"sinet: {sentence}", err=True)
    return status if isinstance(status, int) else 0


def _call(arguments: list[str]) -> object:
    """What `click.Group.main` does, less its own opinions on exceptions and its expansion of patterns on Windows."""
    if instruction := os.environ.get(COMPLETION_VARIABLE):
        from click.shell_completion import shell_complete

        return shell_complete(group, {}, "sinet", COMPLETION_VARIABLE, instruction)
    try:
        with group.make_context("sinet", arguments) as context:
            return group.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code


def _explain(error: Exception) -> tuple[str, int]:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        said = error.format_message()
        return f"{said}{'' if said.endswith(('.', '?')) else '.'} See '{error.ctx.command_path} --help'.", 2
    if isinstance(error, click.ClickException):
        return error.format_message(), 2
    if isinstance(error, SinetError):
        return str(error), 2
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; close other programs or use smaller pictures", 1
    if isinstance(error, OSError):
        return f"the system refused: {error}", 1
    return (
        f"this is a fault of sinet itself ({type(error).__name__}: {error}); please report it with the command that "
        "you ran and the output of 'sinet doctor' (SINET_DEBUG=1 shows where it happened)"
    ), 1


if __name__ == "__main__":
    main()
