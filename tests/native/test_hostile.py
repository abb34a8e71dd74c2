"""Hostile artefacts: headers that are almost JSON, nested without end, made to cost time, or hit by chance.

Which header is JSON at all is judged by an independent oracle, Python's `json`.
"""

import json
import random
import struct
import time
from types import ModuleType

import pytest

from native.artefacts import CONFIG, FILE, TENSOR, answer, pack, refusal, unpack
from sinet.core.errors import EngineError
from sinet.native.network import Network


@pytest.fixture(scope="module")
def file(members: ModuleType) -> bytes:
    return members.artefact(members.MEMBERS["residual"])


# --- what is JSON ------------------------------------------------------------------------------------------------

SCRAPS = [
    *(
        '{"a":[1,-0,0.5,1e5,2E-7,-1.25e+10,true,false,null,"x",{}]}',
        '"\\ud83d\\ude00\\n\\/\\u0000"',
        '"é😀"',
        "[[],{}]",
    ),
    *(
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "0x1",
        "NaN",
        "Infinity",
        "-Infinity",
        "tru",
        "True",
        "nul",
        "''",
        "[1,]",
        "[,1]",
    ),
    *(
        '{"a":1,}',
        '{"a"}',
        '{"a":}',
        "{1:2}",
        "{,}",
        "[1 2]",
        '"\\x"',
        '"\\u12g4"',
        '"\t"',
        '"\x7f"',
        '"',
        "//",
        "",
        " ",
    ),
    *(
        "[" * 30 + "]" * 30,
        "[1]]",
        "{}}",
        '"a" "b"',
        "1,2",
        '"\\u00e9"',
        "1 ",
        " \t\r\n1",
        "\x0b1",
        "\u00a01",
        "-01",
        "1e+",
    ),
]


def is_json(text: bytes) -> bool:
    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        json.loads(text.decode("utf-8"), parse_constant=refuse)
    except ValueError:
        return False
    return True


def test_what_is_json_is_what_python_says(file: bytes) -> None:
    """As the value of an unknown member, all that Python reads is read, and nothing else."""
    header, data = unpack(file)
    prefix, suffix = json.dumps(header)[:-1].encode(), b', "end": 1}}'
    entry = b', "x": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0], "unknown": '
    rng = random.Random(7)
    alphabet = b'{}[]":,\\u0019eE+-.tfn aed8/\xc3\xa9\xf0\x9f\x98\x80\xed\xa0\x01'
    verdicts = {True: 0, False: 0}
    for trial in range(6000):
        text = bytearray(SCRAPS[trial % len(SCRAPS)].encode())
        for _ in range(0 if trial < len(SCRAPS) else rng.randint(1, 3)):
            at = rng.randint(0, len(text))
            text[at : at + rng.randint(0, 2)] = bytes(rng.choices(alphabet, k=rng.randint(0, 2)))
        if b"\\ud" in text.lower() and b"\\ud83d\\ude00" not in text:
            continue  # Python lets half a surrogate pair pass
        whole = prefix + entry + bytes(text) + suffix
        expected = is_json(whole)
        verdicts[expected] += 1
        try:
            Network(pack(whole, data))
            accepted = True
        except EngineError:
            accepted = False
        assert accepted == expected, bytes(text)
    assert min(verdicts.values()) > 300


@pytest.mark.parametrize("scrap", ["\\ud83d", "\\ud83d\\u0041", "\\ud83dx", "\\ude00\\ud83d", "\\ude00"])
def test_half_a_surrogate_pair_is_refused(file: bytes, scrap: str) -> None:
    header, data = unpack(file)
    assert refusal(pack(json.dumps(header)[:-1] + f', "{scrap}": {{}}' + "}", data)) == FILE


@pytest.mark.parametrize(("depth", "good"), [(32, True), (33, False), (10**5, False)])
def test_nesting_is_read_to_a_fixed_depth(file: bytes, depth: int, good: bool) -> None:
    header, data = unpack(file)
    nested = "[" * depth + "]" * depth
    for text in (
        json.dumps(header)[:-1] + f', "x": {{"dtype": "", "shape": [], "data_offsets": [0, 0], "y": {nested}}}' + "}",
        json.dumps(
            {**header, "__metadata__": {"spec": header["__metadata__"]["spec"][:-1] + f', "y": {nested}' + "}"}}
        ),
    ):
        if good:
            answer(pack(text, data))
        else:
            assert refusal(pack(text, data)) in (FILE, CONFIG)


# --- hostile files -----------------------------------------------------------------------------------------------


HOSTILE = {
    "spaces": ("", " "),
    "escapes": ('"', "\\u0041"),
    "backslashes": ('"', "\\\\"),
    "lists": ("[", "[[],"),
    "digits": ("1", "1"),
}
"""How an endless value begins, and what is repeated."""


def hostile(kind: str, file: bytes) -> bytes:
    """A header of just under a million bytes that makes a reader work as much as it can."""
    header, data = unpack(file)
    text, room = json.dumps(header), 999_000
    room -= len(text)
    if kind == "tensors":
        entries = [
            f'"stages.1.squeezes.{"9" * 360}{i}":{{"dtype":"","shape":[],"data_offsets":[0,0]}}' for i in range(1900)
        ]
        return pack(text[:-1] + "," + ",".join(entries) + "}", data)
    start, again = HOSTILE[kind]
    filling = (start + again * room)[:room]
    return pack(text[:-1] + ',"x":{"y":' + filling, data)


@pytest.mark.parametrize("kind", ["tensors", *HOSTILE])
def test_a_hostile_header_costs_less_than_a_second(file: bytes, kind: str) -> None:
    bad = hostile(kind, file)
    assert len(bad) > 500_000
    began = time.process_time()
    if kind == "tensors":
        Network(bad)
    else:
        assert refusal(bad) == FILE
    assert time.process_time() - began < 1


def test_more_tensors_than_any_network_has_are_refused(file: bytes) -> None:
    header, data = unpack(file)
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    many = {f"x{i}": empty for i in range(2048 - (len(header) - 1))}
    answer(pack({**header, **many}, data))
    assert refusal(pack({**header, **many, "y": empty}, data)) == FILE


@pytest.mark.parametrize("member", ["residual", "street"])
@pytest.mark.parametrize("place", ["header", "data"])
def test_flipped_bytes_are_refused_or_run(place: str, member: str, members: ModuleType) -> None:
    file = members.artefact(members.MEMBERS[member])
    (length,) = struct.unpack("<Q", file[:8])
    low, high = (0, 8 + length) if place == "header" else (8 + length, len(file))
    ran = 0
    for seed in range(runs := 1000 if member == "residual" else 300):
        rng = random.Random(seed)
        damaged = bytearray(file)
        for _ in range(rng.choice([1, 1, 1, 2, 8])):
            damaged[rng.randrange(low, high)] = rng.randrange(256)
        try:
            logits = answer(bytes(damaged))
        except EngineError as error:
            assert error.code in (FILE, CONFIG, TENSOR)
        else:
            ran += 1
            assert logits.shape[2] % 32 == 0
    assert (ran == runs) if place == "data" else (0 < ran < runs / 2)
