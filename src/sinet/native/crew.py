"""A few threads that do the parts of one piece of work at the same time.

In the engine each part waits, spinning, for the others, so either all parts begin or none may. The caller therefore
hands over the whole piece in one step that an interruption (Ctrl-C) cannot cut in two, and the first of the crew, to
whom no interruption comes, deals out the rest. Whoever stops waiting leaves behind a crew that finishes and goes.
"""

import os
import sys
import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue

Part = Callable[[int], object]
_Inbox = SimpleQueue["tuple[Part, SimpleQueue[BaseException | None]] | None"]


def usable_cores() -> int:
    """How many logical cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else (os.cpu_count() or 1)


class Crew:
    """Threads that wait for work. One piece at a time.

    Args:
        members: how many threads, at least 1. They end when nothing refers to the crew any more, and with the process.
    """

    def __init__(self, members: int) -> None:
        self._members = members
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._inboxes: list[_Inbox] = [SimpleQueue() for _ in range(self._members)]
        # The threads refer to the inboxes and not to the crew, so that it can be dropped while they wait. Only the
        # first is told to go; it tells the others, after the work that it may still have to deal out.
        self._end = weakref.finalize(self, self._inboxes[0].put, None)
        for number, inbox in enumerate(self._inboxes):
            others = self._inboxes[1:] if number == 0 else []
            threading.Thread(target=_serve, args=(number, inbox, others), name="sinet", daemon=True).start()

    def run(self, part: Part) -> None:
        """Call `part(0)` to `part(members - 1)` at the same time, each in a thread of its own, and wait for all.

        Raises:
            BaseException: what a part raised, the first one's where several did.
        """
        if self._process != os.getpid():  # a forked process has none of its parent's threads
            self._end.detach()
            self._start()
        answer: SimpleQueue[BaseException | None] = SimpleQueue()
        self._inboxes[0].put((part, answer))
        failure = answer.get()
        if failure is not None:
            raise failure


def _serve(number: int, inbox: "_Inbox", others: "list[_Inbox]") -> None:
    while (work := inbox.get()) is not None:
        part, answer = work
        answers: SimpleQueue[BaseException | None] = SimpleQueue()
        for other in others:
            other.put((part, answers))
        failure = _attempt(part, number)
        failures = [failure, *(answers.get() for _ in others)]
        answer.put(next((each for each in failures if each is not None), None))
        del work, part, answer, answers, failure, failures  # nothing is kept alive while waiting
    for other in others:
        other.put(None)


def _attempt(part: Part, number: int) -> BaseException | None:
    try:
        part(number)
    except BaseException as error:  # goes to the caller, whatever it is
        return error
    return None
