import pytest

from sinet.core.architecture import PORTRAIT, check_size, cost_table
from sinet.core.errors import ShapeError


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


def test_multiply_adds_grow_with_pixels_and_parameters_do_not() -> None:
    small, large = cost_table(PORTRAIT, (160, 224)), cost_table(PORTRAIT, (320, 448))
    assert sum(part.macs for part in large) == 4 * sum(part.macs for part in small)
    assert sum(part.params for part in large) == sum(part.params for part in small)


def test_sides_must_be_multiples_of_32() -> None:
    assert PORTRAIT.size_multiple == 32
    check_size((32, 640), 32)


@pytest.mark.parametrize("size", [(225, 300), (224, 0), (16, 32), (-32, 32)])
def test_another_size_names_sizes_that_would_work(size: tuple[int, int]) -> None:
    with pytest.raises(ShapeError, match=f"{size[0]}x{size[1]}.*multiples of 32; resize to ") as caught:
        check_size(size, 32)
    for proposal in str(caught.value).split("resize to ")[1].split(" or "):
        height, width = map(int, proposal.split("x"))
        check_size((height, width), 32)
