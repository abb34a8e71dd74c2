"""The machine a run stands on: threads, denormals, memory layout, compilation. None of it is part of the recipe."""

import torch

from sinet.training.loop import Run


def prepare(run: Run, threads: int | None, compiled: bool) -> None:
    """Make ready to step.

    Args:
        run: its network is changed in place; its numbers are not.
        threads: for the network, or None for torch's choice.
        compiled: fuse the network's small operations with torch's compiler, channels last; sums are then taken in
            another order, so that a compiled run repeats itself but not, bit for bit, one that is not.
    """
    # The community's weights hold values whose products are denormal, which cost a CPU ten times the time.
    torch.set_flush_denormal(True)
    if threads is not None:
        torch.set_num_threads(threads)
    if compiled:
        run.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] torch leaves it untyped
        run.forward = torch.compile(run.network)
