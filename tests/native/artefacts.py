"""Artefacts taken apart and put together again, and what the engine makes of them."""

import json
import struct
from typing import Any

import numpy as np
import pytest

from sinet.core.errors import EngineError
from sinet.native.network import Network

FILE, CONFIG, TENSOR = -1, -2, -3
Header = dict[str, Any]


def pack(header: str | bytes | Header, data: bytes) -> bytes:
    if isinstance(header, dict):
        header = json.dumps(header)
    text = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(text)) + text + data


def unpack(file: bytes) -> tuple[Header, bytes]:
    (length,) = struct.unpack("<Q", file[:8])
    return json.loads(file[8 : 8 + length]), file[8 + length :]


def answer(file: bytes, value: float = 0.5) -> np.ndarray:
    network = Network(file)
    side = network.multiple
    x = np.random.default_rng(0).standard_normal((1, 3, side, side)).astype(np.float32) * np.float32(value)
    return network.run(x)


def refusal(file: bytes) -> int:
    with pytest.raises(EngineError) as caught:
        Network(file)
    return caught.value.code
