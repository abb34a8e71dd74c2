"""The engine's reader of artefacts, through the binding: what is one runs, what is none is refused with a reason."""

import json
import random
import struct
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from native.artefacts import CONFIG, FILE, TENSOR, Header, answer, pack, refusal, unpack
from sinet.core.architecture import CITYSCAPES, SINetConfig, Stage
from sinet.core.records import to_plain
from sinet.native.network import Network


@pytest.fixture(scope="module")
def file(members: ModuleType) -> bytes:
    return members.artefact(members.MEMBERS["residual"])


@pytest.mark.parametrize("name", ["smallest", "residual", "classes", "odd", "street", "three stages", "bare"])
def test_every_small_member_opens_and_runs(members: ModuleType, name: str) -> None:
    config = members.MEMBERS[name]
    network = Network(members.artefact(config))
    assert network.output_stride == config.output_stride == len(config.stages) - 1
    logits = answer(members.artefact(config))
    side = network.multiple // network.output_stride
    assert logits.shape == (1, 1 if config.classes == 2 else config.classes, side, side)
    assert np.isfinite(logits).all()
    assert np.ptp(logits) > 0


# --- the same artefact, written otherwise ------------------------------------------------------------------------


def escape_all(text: str) -> str:
    return '"' + "".join(f"\\u{ord(c):04X}" for c in text) + '"'


def spelled(value: Any, string: Callable[[str], str], space: str) -> str:
    """JSON with every string spelled by `string` and `space` wherever it may stand."""
    if isinstance(value, dict):
        items = [f"{space}{string(k)}{space}:{space}{spelled(v, string, space)}{space}" for k, v in value.items()]
        return "{" + (",".join(items) or space) + "}"
    if isinstance(value, list):
        return "[" + (",".join(f"{space}{spelled(v, string, space)}{space}" for v in value) or space) + "]"
    return string(value) if isinstance(value, str) else json.dumps(value)


def respelled_spec(header: Header, string: Callable[[str], str], space: str) -> Header:
    spec = json.loads(header["__metadata__"]["spec"])
    return {**header, "__metadata__": {"spec": space + spelled(spec, string, space) + space}}


def reverse(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reverse(value[key]) for key in reversed(value)}
    return [reverse(item) for item in value] if isinstance(value, list) else value


UNKNOWN = {
    "nested": [[{"": [None, True, False, -0.5e-3, 1e9, '\u00e9\U0001f600\\"\b']}], {}, []],
    "dtype": {"shape": []},
}

REWRITTEN: dict[str, Callable[[Header], str]] = {
    "white space": lambda h: spelled(respelled_spec(h, json.dumps, " \t\n\r "), json.dumps, " \t\n\r ")[0:] + " \n",
    "escapes": lambda h: spelled(h, escape_all, ""),
    "escapes inside": lambda h: json.dumps(respelled_spec(h, escape_all, "")),
    "escapes of escapes": lambda h: spelled(respelled_spec(h, escape_all, " "), escape_all, ""),
    "reversed": lambda h: json.dumps(reverse(h)),
    "spec reversed": lambda h: json.dumps(
        {**h, "__metadata__": {"spec": json.dumps(reverse(json.loads(h["__metadata__"]["spec"])))}}
    ),
    "unknown metadata": lambda h: json.dumps(
        {**h, "__metadata__": {"format": "pt", **h["__metadata__"], "b": UNKNOWN}}
    ),
    "unknown in the spec": lambda h: json.dumps(
        {**h, "__metadata__": {"spec": json.dumps({**UNKNOWN, **json.loads(h["__metadata__"]["spec"])})}},
        ensure_ascii=False,
    ),
    "unknown in tensors": lambda h: json.dumps(
        {k: v if k == "__metadata__" else {"a": UNKNOWN, **v, "z": UNKNOWN} for k, v in h.items()}
    ),
    "another tensor of another type": lambda h: json.dumps(
        {**h, "x": {"dtype": "BF16", "shape": [0], "data_offsets": [12, 12]}}
    ),
}


@pytest.mark.parametrize("name", REWRITTEN)
def test_an_artefact_may_be_written_in_any_valid_way(file: bytes, name: str) -> None:
    header, data = unpack(file)
    rewritten = REWRITTEN[name](header)
    assert json.loads(rewritten) is not None
    np.testing.assert_array_equal(answer(pack(rewritten, data)), answer(file))


def test_tensors_may_lie_in_any_order(file: bytes) -> None:
    header, data = unpack(file)
    metadata = {"__metadata__": header.pop("__metadata__")}
    names, parts, at = random.Random(3).sample(sorted(header), len(header)), [], 0
    for name in names:
        begin, end = header[name]["data_offsets"]
        header[name] = {**header[name], "data_offsets": [at, at + end - begin]}
        parts.append(data[begin:end])
        at += end - begin
    np.testing.assert_array_equal(answer(pack({**header, **metadata}, b"".join(parts))), answer(file))


def test_weights_may_be_any_bits_and_a_nan_answers_nan(file: bytes) -> None:
    header, data = unpack(file)
    weights = np.frombuffer(data, "<f4").copy()
    weights[header["stem.0.bias"]["data_offsets"][0] // 4] = np.nan
    with np.errstate(invalid="ignore"):
        assert np.isnan(answer(pack(header, weights.tobytes()))).any()
    answer(pack(header, random.Random(0).randbytes(len(data))))


# --- what is refused ---------------------------------------------------------------------------------------------


def test_every_truncation_is_refused(file: bytes) -> None:
    (length,) = struct.unpack("<Q", file[:8])
    near = {*range(40), *range(length - 40, length + 60), *range(len(file) - 40, len(file))}
    for size in sorted(near | set(random.Random(1).sample(range(len(file)), 400))):
        assert refusal(file[:size]) == FILE, size
    assert refusal(file + b"\0") == FILE


@pytest.mark.parametrize(
    "length", [0, 1, 2**20, 2**31 - 1, 2**31, 2**32, 2**63 - 8, 2**63, 2**64 - 9, 2**64 - 8, 2**64 - 1]
)
def test_a_false_header_length_is_refused(file: bytes, length: int) -> None:
    assert refusal(struct.pack("<Q", length) + file[8:]) == FILE


def tensor_edit(**fields: Any) -> Callable[[Header], Header]:
    def edit(header: Header) -> Header:
        entry = {k: v for k, v in {**header["coarse.bias"], **fields}.items() if v is not None}
        return {**header, "coarse.bias": entry}

    return edit


BAD_TENSORS: dict[str, tuple[Callable[[Header], Header], int]] = {
    "missing": (lambda h: {k: v for k, v in h.items() if k != "coarse.bias"}, FILE),
    "renamed": (lambda h: {("coarse.bias2" if k == "coarse.bias" else k): v for k, v in h.items()}, TENSOR),
    "half precision": (tensor_edit(dtype="F16"), TENSOR),
    "integers": (tensor_edit(dtype="I32"), TENSOR),
    "no dtype": (tensor_edit(dtype=None), FILE),
    "dtype a number": (tensor_edit(dtype=32), FILE),
    "no shape": (tensor_edit(shape=None), FILE),
    "shape a number": (tensor_edit(shape=2), FILE),
    "shape too small": (tensor_edit(shape=[1]), FILE),
    "shape too large": (tensor_edit(shape=[3]), FILE),
    "shape empty": (tensor_edit(shape=[0]), FILE),
    "shape of fractions": (tensor_edit(shape=[2.0]), FILE),
    "shape negative": (tensor_edit(shape=[-1, -2]), FILE),
    "shape nested": (tensor_edit(shape=[[2]]), FILE),
    "shape a product that wraps to 2": (tensor_edit(shape=[2**63 + 1, 2]), FILE),
    "shape a product that wraps to 0": (tensor_edit(shape=[2**32, 2**32]), FILE),
    "shape of many": (tensor_edit(shape=[2] * 64), FILE),
    "no offsets": (tensor_edit(data_offsets=None), FILE),
    "one offset": (tensor_edit(data_offsets=[0]), FILE),
    "three offsets": (tensor_edit(data_offsets=[0, 8, 8]), FILE),
    "offsets turned": (tensor_edit(data_offsets=[8, 0]), FILE),
    "offsets negative": (tensor_edit(data_offsets=[-8, 0]), FILE),
    "offsets fractions": (tensor_edit(data_offsets=[0.0, 8.0]), FILE),
    "offsets beyond": (tensor_edit(data_offsets=[10**6, 10**6 + 8]), FILE),
    "offsets beyond 64 bits": (tensor_edit(data_offsets=[2**64, 2**64 + 8]), FILE),
    "offsets that overlap the next": (tensor_edit(data_offsets=[4, 12]), FILE),
    "entry a list": (lambda h: {**h, "coarse.bias": []}, FILE),
    "entry null": (lambda h: {**h, "coarse.bias": None}, FILE),
    "one more, twice the same place": (lambda h: {**h, "x": h["coarse.bias"]}, FILE),
}


@pytest.mark.parametrize("name", BAD_TENSORS)
def test_a_bad_tensor_is_refused(file: bytes, name: str) -> None:
    header, data = unpack(file)
    assert header["coarse.bias"]["data_offsets"] == [0, 8]
    edit, code = BAD_TENSORS[name]
    assert refusal(pack(edit(header), data)) == code


def doubled(text: str, key: str) -> str:
    """The JSON text with one member, `key`, written twice."""
    place = text.index(f'"{key}"')
    _, end = json.JSONDecoder().raw_decode(text, text.index(":", place) + 1 + (text[text.index(":", place) + 1] == " "))
    return text[:end] + ", " + text[place:end] + text[end:]


@pytest.mark.parametrize(
    ("key", "code"),
    [("__metadata__", FILE), ("coarse.bias", FILE), ("dtype", FILE), ("shape", FILE), ("data_offsets", FILE)],
)
def test_a_member_written_twice_is_refused(file: bytes, key: str, code: int) -> None:
    header, data = unpack(file)
    assert refusal(pack(doubled(json.dumps(header), key), data)) == code


def test_two_tensors_of_one_name_are_refused_even_where_they_fill_the_data(file: bytes) -> None:
    header, data = unpack(file)
    empty = f'"coarse.bias": {{"dtype": "F32", "shape": [0], "data_offsets": [{len(data)}, {len(data)}]}}'
    assert refusal(pack(json.dumps(header)[:-1] + ", " + empty + "}", data)) == TENSOR


def spec_edit(edit: Callable[[Header], Any]) -> Callable[[Header], Header]:
    return lambda header: {
        **header,
        "__metadata__": {"spec": json.dumps(edit(json.loads(header["__metadata__"]["spec"])))},
    }


def network_edit(*path: str | int, to: Any = ..., rename: str = "") -> Callable[[Header], Header]:
    """Change one value of spec.network, remove it (`to=...`), or give its key another name."""

    def edit(spec: Header) -> Header:
        place: Any = spec["network"]
        for step in path[:-1]:
            place = place[step]
        if rename:
            place[rename] = place.pop(path[-1])
        elif to is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = to
        return spec

    return spec_edit(edit)


BRANCH = ("stages", 0, "modules", 0, "branches", 0)
NUMBERS: dict[tuple[str | int, ...], list[int]] = {
    ("classes",): [0, 1, 65],
    ("stem",): [0, 1025],
    ("stages", 0, "down"): [0, 1, 3, 1025, 1026],
    ("stages", 0, "reduction"): [0, 4, 2049],
    ("stages", 1, "reduction"): [0, 13],
    ("stages", 0, "modules", 0, "width"): [0, 2, 6, 1028],
    (*BRANCH, "kernel"): [0, 2, 16, 17],
    (*BRANCH, "pool"): [0, 17],
}
NO_NUMBERS = [None, "3", 3.0, 1e1, True, [3], {}, -1, 2**31, 2**32 + 3, 2**64 + 3]


@pytest.mark.parametrize("path", NUMBERS, ids=str)
def test_a_number_out_of_range_is_refused(file: bytes, path: tuple[str | int, ...]) -> None:
    header, data = unpack(file)
    for bad in [*NUMBERS[path], *NO_NUMBERS]:
        assert refusal(pack(network_edit(*path, to=bad)(header), data)) == CONFIG, bad
    assert refusal(pack(network_edit(*path)(header), data)) == CONFIG
    assert refusal(pack(network_edit(*path, rename="unknown")(header), data)) == CONFIG


BAD_SPECS: dict[str, Callable[[Header], Header]] = {
    "no metadata": lambda h: {k: v for k, v in h.items() if k != "__metadata__"},
    "metadata null": lambda h: {**h, "__metadata__": None},
    "metadata empty": lambda h: {**h, "__metadata__": {}},
    "spec an object": lambda h: {**h, "__metadata__": {"spec": json.loads(h["__metadata__"]["spec"])}},
    "spec empty": lambda h: {**h, "__metadata__": {"spec": ""}},
    "spec cut": lambda h: {**h, "__metadata__": {"spec": h["__metadata__"]["spec"][:-1]}},
    "spec and more": lambda h: {**h, "__metadata__": {"spec": h["__metadata__"]["spec"] + "}"}},
    "spec with zero characters": lambda h: {
        **h,
        "__metadata__": {"spec": h["__metadata__"]["spec"].replace(":2", ":\0002")},
    },
    "spec quoted twice": lambda h: {**h, "__metadata__": {"spec": json.dumps(h["__metadata__"]["spec"])}},
    "spec a list": spec_edit(lambda spec: [spec]),
    "no network": spec_edit(lambda spec: {k: v for k, v in spec.items() if k != "network"}),
    "network null": spec_edit(lambda spec: {**spec, "network": None}),
    "network a list": spec_edit(lambda spec: {**spec, "network": [spec["network"]]}),
    "network twice": lambda h: {**h, "__metadata__": {"spec": doubled(h["__metadata__"]["spec"], "network")}},
    "spec twice under other spellings": lambda h: {**h, "__metadata__": {**h["__metadata__"], "\u0073pec ": ""}},
    "classes twice": lambda h: {**h, "__metadata__": {"spec": doubled(h["__metadata__"]["spec"], "classes")}},
    "kernel twice": lambda h: {**h, "__metadata__": {"spec": doubled(h["__metadata__"]["spec"], "kernel")}},
    "an unknown property": network_edit("attention", to=True),
    "an unknown property of a branch": network_edit(*BRANCH, "dilation", to=2),
    "one stage": network_edit("stages", 1),
    "one branch": network_edit(*BRANCH),
    "stages an object": network_edit("stages", to={}),
}


@pytest.mark.parametrize("name", BAD_SPECS)
def test_a_bad_spec_is_refused(file: bytes, name: str) -> None:
    header, data = unpack(file)
    if name == "spec twice under other spellings":
        text = json.dumps(header).replace('"spec"', '"spec": "", "\\u0073p\\u0065c"')
        assert refusal(pack(text, data)) == CONFIG
        return
    assert refusal(pack(BAD_SPECS[name](header), data)) == CONFIG


@pytest.mark.parametrize("count", [4, 33])
def test_too_many_items_are_refused(members: ModuleType, count: int) -> None:
    config: SINetConfig = members.MEMBERS["smallest"]
    header, data = unpack(members.artefact(config))
    stage = to_plain(config)["stages"][0]
    module = stage["modules"][0]
    if count == 33:
        assert refusal(pack(network_edit("stages", 0, "modules", to=[module] * count)(header), data)) == CONFIG
    assert refusal(pack(network_edit("stages", to=[stage] * count)(header), data)) == CONFIG
    branch = module["branches"][0]
    assert refusal(pack(network_edit(*BRANCH[:-1], to=[branch] * count)(header), data)) == CONFIG


NO_WORDS = [None, "", "Conv", "con", "convx", "transpose", True, 0, ["conv"], {}]
NO_FLAGS = [None, "", "true", "false", 0, 1, [True], {}]


@pytest.mark.parametrize("name", ["residual", "street"])
def test_another_head_or_another_truth_is_refused(members: ModuleType, name: str) -> None:
    header, data = unpack(members.artefact(members.MEMBERS[name]))
    for bad in NO_WORDS:
        assert refusal(pack(network_edit("head", to=bad)(header), data)) == CONFIG, bad
    for bad in NO_FLAGS:
        assert refusal(pack(network_edit("aligned_corners", to=bad)(header), data)) == CONFIG, bad
        branch = ("stages", 1, *BRANCH[2:])
        assert refusal(pack(network_edit(*branch, "crossed", to=bad)(header), data)) == CONFIG, bad
    text = json.dumps(header)
    for cut in ("tru", "truex", "TRUE", "fals"):
        broken = text.replace('\\"network\\":{', f'\\"network\\":{{\\"aligned_corners\\":{cut},')
        assert broken != text
        assert refusal(pack(broken, data)) == CONFIG


def test_what_is_left_out_may_be_written(file: bytes) -> None:
    """The portrait's own values, and whether a kernel's weights form a cross, change nothing."""
    header, data = unpack(file)
    for key, same in {"head": "conv", "aligned_corners": True}.items():
        np.testing.assert_array_equal(answer(pack(network_edit(key, to=same)(header), data)), answer(file))
    for crossed in (True, False):
        edited = network_edit(*BRANCH, "crossed", to=crossed)(header)
        np.testing.assert_array_equal(answer(pack(edited, data)), answer(file))
    assert not np.array_equal(answer(pack(network_edit("aligned_corners", to=False)(header), data)), answer(file))


def test_another_form_than_its_tensors_is_refused(members: ModuleType, file: bytes) -> None:
    header, data = unpack(file)
    assert refusal(pack(spec_edit(lambda spec: {**spec, "network": to_plain(CITYSCAPES)})(header), data)) == TENSOR
    assert refusal(pack(network_edit("head", to="transposed")(header), data)) == TENSOR
    assert refusal(pack(network_edit("stages", 1, "modules", to=[])(header), data)) == TENSOR
    header, data = unpack(members.artefact(members.MEMBERS["street"]))
    assert refusal(pack(network_edit("head")(header), data)) == TENSOR
    assert refusal(pack(network_edit("stages", 2)(header), data)) == TENSOR
    assert refusal(pack(network_edit("stages", 2, "modules", to=[])(header), data)) == TENSOR
    without = {("x" if name == "fine_gate.detail_scale" else name): entry for name, entry in header.items()}
    assert refusal(pack(without, data)) == TENSOR


def test_three_stages_must_fit_their_classes(members: ModuleType) -> None:
    header, data = unpack(members.artefact(members.MEMBERS["street"]))
    for path, bad in [(("classes",), 4), (("stages", 0, "down"), 4), (("stages", 1, "down"), 5)]:
        assert refusal(pack(network_edit(*path, to=bad)(header), data)) == CONFIG, path
    module = to_plain(members.squeeze(4, (3, 1), (3, 1)))
    assert refusal(pack(network_edit("stages", 0, "modules", to=[module])(header), data)) == CONFIG


def test_the_most_modules_run(members: ModuleType) -> None:
    module = members.squeeze(4, (3, 1), (1, 2))
    stage = Stage(4, 1, (module,) * 32)
    for config in (SINetConfig(2, 2, (stage, stage)), SINetConfig(4, 2, (stage, stage, stage))):
        assert np.isfinite(answer(members.artefact(config))).all()


def test_a_configuration_that_its_tensors_do_not_fit_is_refused(file: bytes) -> None:
    header, data = unpack(file)
    for path, to in [(("stem",), 4), (("classes",), 3), ((*BRANCH, "kernel"), 5), (("stages", 1, "down"), 4)]:
        assert refusal(pack(network_edit(*path, to=to)(header), data)) == TENSOR, path
