import dataclasses
import json

import pytest

from sinet.core.architecture import CITYSCAPES, PORTRAIT, SINetConfig, check_size, cost_table, excitation_macs
from sinet.core.errors import ShapeError, SpecError
from sinet.core.records import from_plain, to_plain

ROWS = pytest.mark.parametrize("config", [PORTRAIT, CITYSCAPES], ids=["portrait", "cityscapes"])


def test_the_portrait_row_has_the_papers_parameters_and_multiply_adds() -> None:
    table = cost_table(PORTRAIT, (224, 224))
    assert sum(part.params for part in table) == 86_910
    assert sum(part.macs for part in table) == 63_866_208


def test_parts_cost_what_the_authors_network_was_counted_at() -> None:
    params = {part.name: part.params for part in cost_table(PORTRAIT, (224, 224))}
    modules = [params[f"stage 2 module {i}"] for i in range(8)]
    assert modules == [8_160, 8_544, 9_312, 9_312, 8_544, 10_080, 8_544, 9_312]
    assert params["stem"] == 360
    assert params["stage 1 down"] == 516
    assert params["stage 2 down"] == 8_080
    assert params["encoder head"] == 288


def test_the_street_row_has_the_papers_parameters_and_multiply_adds() -> None:
    *parts, head = cost_table(CITYSCAPES, (1024, 2048))
    assert sum(part.params for part in parts) + head.params == 119_418
    assert sum(part.macs for part in parts) == 1_199_608_832
    assert head.macs == 189_267_968


def test_parts_of_the_street_row_cost_what_the_authors_network_was_counted_at() -> None:
    table = cost_table(CITYSCAPES, (1024, 2048))
    params = {part.name: part.params for part in table}
    assert [params[f"stage 2 module {i}"] for i in range(3)] == [3_240, 3_690, 3_690]
    modules = [params[f"stage 3 module {i}"] for i in range(10)]
    assert modules == [6_300, 6_678, 6_972, 6_804, 6_804, 10_044, 10_530, 10_908, 10_692, 10_746]
    assert [params[f"stage {i} down"] for i in (1, 2, 3)] == [793, 1_098, 13_284]
    assert (params["stem"], params["stage 2 concat"], params["stage 3 concat"]) == (480, 252, 504)
    assert params["encoder head"] == 3_192
    assert params["information blocking"] + params["head"] == 38 + 1_197 + 38 + 1_444
    sizes = {part.name: part.size for part in table}
    assert (sizes["encoder head"], sizes["information blocking"], sizes["head"]) == ((64, 128), (128, 256), (512, 1024))


def test_linear_layers_are_counted_once_a_picture() -> None:
    assert excitation_macs(PORTRAIT) == 4_240
    assert excitation_macs(CITYSCAPES) == 7_673


@ROWS
def test_a_row_comes_back_from_json(config: SINetConfig) -> None:
    assert from_plain(SINetConfig, json.loads(json.dumps(to_plain(config))), "here") == config


def test_the_portraits_json_holds_nothing_that_the_streets_need() -> None:
    plain = to_plain(PORTRAIT)
    assert list(plain) == ["classes", "stem", "stages"]
    assert {tuple(b) for s in plain["stages"] for m in s["modules"] for b in m["branches"]} == {("kernel", "pool")}


def test_stages_that_the_decoder_cannot_use_are_refused() -> None:
    for count in (0, 1, 4):
        with pytest.raises(SpecError, match=f"expected 2 values, or 3, got {count}"):
            dataclasses.replace(CITYSCAPES, stages=(CITYSCAPES.stages * 2)[:count])
    with pytest.raises(SpecError, match="a gate of 11 classes and needs as many channels, got 19"):
        dataclasses.replace(CITYSCAPES, classes=11)


@ROWS
def test_multiply_adds_grow_with_pixels_and_parameters_do_not(config: SINetConfig) -> None:
    small, large = cost_table(config, (128, 384)), cost_table(config, (256, 768))
    assert sum(part.macs for part in large) == 4 * sum(part.macs for part in small)
    assert sum(part.params for part in large) == sum(part.params for part in small)


def test_sides_must_be_multiples_of_32_or_128() -> None:
    assert PORTRAIT.size_multiple == 32
    assert CITYSCAPES.size_multiple == 128
    assert (PORTRAIT.encoder_stride, PORTRAIT.output_stride) == (8, 1)
    assert (CITYSCAPES.encoder_stride, CITYSCAPES.output_stride) == (16, 2)
    check_size((32, 640), 32)


@pytest.mark.parametrize("size", [(225, 300), (224, 0), (16, 32), (-32, 32)])
def test_another_size_names_sizes_that_would_work(size: tuple[int, int]) -> None:
    with pytest.raises(ShapeError, match=f"{size[0]}x{size[1]}.*multiples of 32; resize to ") as caught:
        check_size(size, 32)
    for proposal in str(caught.value).split("resize to ")[1].split(" or "):
        height, width = map(int, proposal.split("x"))
        check_size((height, width), 32)
