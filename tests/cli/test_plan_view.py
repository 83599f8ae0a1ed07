"""What `study check` prints of a plan."""

from dataclasses import replace
from pathlib import Path

from study.cli.plan_view import plan_lines
from study.pipeline.preflight import Place, preflight_file
from study.plan import Node, plan_lanes

FILE = Path("search_spaces/interface.yaml")


def lines(tmp_path: Path, *sets: str, nodes: tuple[Node, ...]) -> list[str]:
    checked = preflight_file(Place(tmp_path), FILE, sets)
    lanes = plan_lanes(checked.spec.resources, nodes, checked.spec.budget.trials)
    return plan_lines(replace(checked, lanes=lanes))


def test_idle_gpus_are_a_line_of_the_plan(tmp_path: Path) -> None:
    shown = lines(tmp_path, "resources.gpus_per_worker=0", nodes=(Node(4, 2),))
    assert [line for line in shown if line.startswith(("lanes", "warning"))] == [
        "lanes: 4 (this machine has 4 CPUs and 2 GPUs; a trial takes 1 worker(s) x 1 CPU: "
        "4 trial(s) at a time)",
        "warning: this machine has 2 GPUs, the study uses none: resources.gpus_per_worker is 0",
    ]


def test_gpus_that_are_used_are_no_warning(tmp_path: Path) -> None:
    assert not any("warning" in line for line in lines(tmp_path, nodes=(Node(4, 2),)))


def test_a_cluster_cannot_be_checked_from_here(tmp_path: Path) -> None:
    checked = preflight_file(Place(tmp_path, address="10.0.0.1:6379"), FILE)
    assert plan_lines(checked)[-1] == (
        "unchecked: whether the Ray cluster at 10.0.0.1:6379 has room for a trial"
    )
