"""What a lane asks Tune for."""

from pathlib import Path

import pytest
import torch

from study.execution.job import Assignment
from study.execution.lane import LaneSpec, _last_report
from study.training.checkpoint import Facts, write


@pytest.mark.parametrize(
    ("workers", "gpus", "bundles"),
    [
        (1, 0, [{"CPU": 2}]),
        (3, 0, [{"CPU": 2}] * 3),
        (2, 1, [{"CPU": 2, "GPU": 1}] * 2),
    ],
)
def test_tune_reserves_the_workers_resources_and_the_actor_takes_none(
    workers: int, gpus: int, bundles: list[dict[str, float]]
) -> None:
    lane = LaneSpec(workers=workers, cpus_per_worker=2, gpus_per_worker=gpus, folder="")
    placement = lane.placement()
    assert placement.head_bundle_is_empty
    assert placement.bundles == bundles


def checkpoint(folder: Path, epoch: int) -> None:
    facts = Facts(
        trial_digest="t", dataset_digest="d", epoch=epoch, metrics={"val/x": epoch / 10}, trial={}
    )
    write(folder / f"epoch-{epoch}", {"w": torch.zeros(1)}, facts)


def test_a_lane_goes_on_from_the_latest_checkpoint_that_can_be_read(tmp_path: Path) -> None:
    assignment = Assignment(
        run="trial/0", spec={}, rungs=(1, 3, 9), data="", checkpoints=str(tmp_path), metric="x"
    )
    assert _last_report(assignment) is None
    for epoch in (1, 3, 9):
        checkpoint(tmp_path, epoch)
    found = _last_report(assignment)
    assert found is not None
    assert (found.run, found.epoch, found.metrics) == ("trial/0", 9, {"val/x": 0.9})
    for file in (tmp_path / "epoch-9").iterdir():
        file.write_text("torn", "utf-8")
    found = _last_report(assignment)
    assert found is not None
    assert found.epoch == 3
