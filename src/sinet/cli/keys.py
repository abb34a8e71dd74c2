"""Keys at the terminal while something else runs: asked for, never waited for."""

import sys
from typing import Any

_CONSOLE_NAMES = {" ": "space", "\x1b": "escape"}


class Keyboard:
    """What is typed: a line is one key (`b`, `space`, `q`); on Windows each key counts at once."""

    def __init__(self) -> None:
        self._descriptor = _descriptor()
        self._rest = ""

    def keys(self) -> list[str]:
        """What was typed since the last call; nothing where there is no terminal, or after its end."""
        if self._descriptor is None:
            return []
        if sys.platform == "win32":
            return _console_keys()
        return self._lines(self._descriptor)

    def _lines(self, descriptor: int) -> list[str]:
        import os
        import select

        # Not by a thread that reads stdin: one that still waits when the program ends takes the interpreter down.
        while select.select([descriptor], [], [], 0)[0]:
            typed = os.read(descriptor, 4096)
            if not typed:
                self._descriptor = None
                break
            self._rest += typed.decode("utf-8", "replace")
        *lines, self._rest = self._rest.split("\n")
        return ["space" if line == " " else line.strip().lower() for line in lines if line]


def _descriptor() -> int | None:
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # closed by whoever started us, or not a file
        return None


def _console_keys() -> list[str]:
    from importlib import import_module

    console: Any = import_module("msvcrt")
    pressed: list[str] = []
    while console.kbhit():
        key = str(console.getwch())
        pressed.append(_CONSOLE_NAMES.get(key, key.lower()))
    return pressed
