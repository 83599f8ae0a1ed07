"""The benchmark of the losses: its peers compute what the losses do, its arithmetic is right."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.losses.cases import plans
from benchmarks.losses.floor import feature_products, label_product
from benchmarks.losses.inputs import Case, Step, inputs
from benchmarks.losses.measure import SideError, alone, deviation, slope, take_turns
from benchmarks.losses.peers import dense_bytes
from benchmarks.losses.rows import (
    NOTHING,
    Target,
    against,
    against_floor,
    on_its_own,
    slopes,
    times,
)
from benchmarks.losses.sides import SIDES
from benchmarks.losses.table import Cost, Row, layout
from study.losses import CONTRASTIVE


@pytest.mark.parametrize("loss", ["reg", "msc", "mulsupcon"])
def test_the_dense_side_computes_what_the_loss_does(loss: str) -> None:
    case = Case(loss=loss, batch=24, num_labels=7, dim=6)
    given = inputs(case)
    ours, dense = SIDES["ours"](case, given)(), SIDES["dense"](case, given)()
    assert len(ours) == len(dense) > 1
    assert deviation(ours, dense) < 1e-5


def test_a_deviation_is_relative_to_the_largest_entry() -> None:
    one, other = torch.tensor([1.0, 99.0]), torch.tensor([2.0, 100.0])
    assert deviation([one], [other]) == pytest.approx(0.01)
    assert deviation([one, one], [one, other]) == pytest.approx(0.01)


def test_nan_deviates_from_everything() -> None:
    assert deviation([torch.tensor(torch.nan)], [torch.tensor(1.0)]) == torch.inf


def test_every_sample_has_a_label_and_three_on_average() -> None:
    y_NL = inputs(Case(loss="reg", batch=2000, num_labels=60, dim=1)).y_NL
    assert y_NL.sum(dim=1).min() == 1
    assert y_NL.sum(dim=1).float().mean() == pytest.approx(3, abs=0.1)
    assert y_NL[:, 0].sum() > 5 * y_NL[:, 30].sum()


def test_the_single_label_case_has_one_label_each() -> None:
    case = Case(loss="base", batch=50, num_labels=9, dim=1, single_label=True)
    assert (inputs(case).y_NL.sum(dim=1) == 1).all()


def test_the_slope_is_the_exponent_of_a_power_law() -> None:
    assert slope([1, 2, 4], [3, 12, 48]) == pytest.approx(2)
    # Least squares, by hand: doubling twice, by factors 2 and 8.
    assert slope([1, 2, 4], [1, 2, 16]) == pytest.approx(2)


def test_sides_take_turns() -> None:
    order: list[str] = []

    def side(name: str) -> Step:
        def step() -> tuple[torch.Tensor, ...]:
            order.append(name)
            return ()

        return step

    assert set(take_turns({name: side(name) for name in "ab"}, "cpu", budget_s=0)) == {"a", "b"}
    assert "".join(order) == "ab" * 4


@pytest.mark.parametrize("tile", [3, 11])
def test_the_floor_is_the_products_of_all_pairs(tile: int) -> None:
    case = Case(loss="reg", batch=7, num_labels=4, dim=5)
    given = inputs(case)
    vector_VD = torch.cat([given.z_ND, given.prototypes_LD]).detach()
    step = feature_products(case, given, tile, torch.float32)
    for _ in range(2):
        torch.testing.assert_close(step()[0], 2 * vector_VD @ vector_VD.T @ vector_VD)


def test_the_floor_has_the_labels_that_pairs_share() -> None:
    case = Case(loss="reg", batch=7, num_labels=4, dim=5)
    given = inputs(case)
    y_VL = torch.cat([given.y_NL.float(), torch.eye(4)])
    (shared_VV,) = label_product(case, given, 11, torch.float32)()
    torch.testing.assert_close(shared_VV, y_VL @ y_VL.T)


def test_the_dense_side_is_known_to_take_tensors_of_all_pairs_and_labels() -> None:
    assert dense_bytes(Case(loss="reg", batch=90, num_labels=10)) == 3 * 4 * 100**2 * 10


def test_peak_memory_is_that_of_the_step_alone() -> None:
    case = Case(loss="reg", batch=200, num_labels=50, dim=8)
    found = alone("dense", case)
    assert 0.7 < found.extra_bytes / dense_bytes(case) < 2
    assert found.seconds > 0


def test_a_side_that_fails_says_why() -> None:
    with pytest.raises(SideError, match="dense: KeyError: 'proto'"):
        alone("dense", Case(loss="proto", batch=2))


@pytest.mark.parametrize(
    ("target", "text", "met"),
    [
        (NOTHING, "", None),
        (Target(faster=10), ">= 10x faster", True),
        (Target(faster=10.1), ">= 10.1x faster", False),
        (Target(faster=10, smaller=2), ">= 10x faster, <= 1/2 of the memory", True),
        (Target(smaller=2.1), "<= 1/2.1 of the memory", False),
        (Target(slower=0.05), "<= 0.05x the time", False),
        (Target(extra_mb=4), "< 4 MB", False),
        (Target(extra_mb=4.1), "< 4.1 MB", True),
    ],
)
def test_a_target_is_met_if_all_it_asks_for_is(target: Target, text: str, met: bool) -> None:
    assert str(target) == text
    assert target.is_met(Cost(1.0, 4e6), Cost(10.0, 8e6)) is met


def test_what_was_not_measured_meets_no_target() -> None:
    assert Target(faster=1).is_met(Cost(1.0), Cost()) is False
    assert Target(extra_mb=1).is_met(Cost(1.0), Cost()) is False


def test_the_table_is_aligned_and_leaves_out_empty_columns() -> None:
    rows = [
        Row(case="small", ours="reg", our_cost=Cost(0.0123, 4e6), target="< 5 MB", met=True),
        Row(case="larger", ours="msc", our_cost=Cost(1.5), deviation=2e-3),
    ]
    assert layout(rows).splitlines() == [
        "| case   | ours |   ms | MB | deviation | target | verdict                  |",
        "| ------ | ---- | ---: | -: | --------: | ------ | ------------------------ |",
        "| small  | reg  | 12.3 |  4 |           | < 5 MB | met                      |",
        "| larger | msc  | 1500 |    |     2e-03 |        | MISSED: the sides differ |",
    ]


@pytest.mark.parametrize(
    ("met", "deviation", "fails"),
    [(None, None, False), (True, 1e-4, False), (False, None, True), (True, 1.1e-4, True)],
)
def test_a_row_fails_if_its_target_is_missed_or_the_sides_differ(
    met: bool | None, deviation: float | None, fails: bool
) -> None:
    assert Row(case="", ours="", met=met, deviation=deviation).fails is fails


def test_a_row_that_could_not_be_measured_says_why() -> None:
    assert Row(case="", ours="", met=False, note="no memory").verdict == "MISSED: no memory"


def test_the_cases_are_those_that_have_targets() -> None:
    sizes = [plan.case.size for plan in plans("cpu")]
    for size in (
        "batch 256, L 146",
        "batch 1024, L 54",
        "batch 8192, L 146",
        "batch 16384, L 1000",
    ):
        assert any(text.startswith(size) for text in sizes)


TINY = Case(loss="reg", batch=40, num_labels=6, dim=8, settings={"alpha": 0.0})


def test_a_row_compares_two_sides_that_agree() -> None:
    row = against("dense", TINY, Target(faster=1e-9))
    assert row.deviation is not None
    assert row.deviation < 1e-5
    assert row.met
    assert row.our_cost.seconds > 0
    assert row.their_cost.extra_bytes > 0
    assert row.ours == "reg alpha=0.0"


def test_a_row_compares_with_the_products_alone() -> None:
    row = against_floor(TINY, torch.float32, 2, Target(slower=1e-9, extra_mb=1000))
    assert row.met is False
    assert row.their_cost.seconds > 0
    assert row.against == "floor: 4 feature + 2 label products, float32"


def test_a_row_of_one_side_needs_no_other() -> None:
    assert on_its_own(TINY, Target(extra_mb=1000)).met
    assert on_its_own(TINY).met is None


def test_slopes_are_rows_with_their_limits() -> None:
    time, memory = slopes([TINY, replace(TINY, batch=400)], most_time=99, most_memory=-99)
    assert (time.met, memory.met) == (True, False)
    assert time.case == "slope of time: batch 40 to 400, L 6"
    assert (time.target, memory.target) == ("<= 99", "<= -99")


def test_every_loss_is_timed() -> None:
    cases = [replace(TINY, loss=name, settings={}) for name in CONTRASTIVE]
    assert [row.ours for row in times(cases) if row.our_cost.seconds > 0] == list(CONTRASTIVE)


def test_the_command_writes_what_it_prints(tmp_path: Path) -> None:
    file = tmp_path / "losses.md"
    options = ["--device", "cpu", "--up-to", "1", "--results", str(file)]
    command = [sys.executable, "-m", "benchmarks.losses", *options]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    assert "| skipped: batch over 1 |" in done.stdout
    title, _, text = file.read_text("utf-8").partition("\n\n")
    assert title.startswith("# Losses, 20")
    assert text.partition("\n\n")[2] in done.stdout
    assert done.stdout.endswith("no target is missed\n")
