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


def assignment_in(folder: Path, digest: str = "") -> Assignment:
    return Assignment(
        run="trial/0", spec={}, rungs=(1, 3, 9), data="", checkpoints=str(folder), metric="x",
        digest=digest,
    )  # fmt: skip


def resumed_at(folder: Path, digest: str = "") -> int | None:
    found = _last_report(assignment_in(folder, digest))
    return found.epoch if found else None


def test_a_lane_resumes_from_the_latest_checkpoint(tmp_path: Path) -> None:
    assert resumed_at(tmp_path) is None
    for epoch in (1, 3, 9):
        checkpoint(tmp_path, epoch)
    found = _last_report(assignment_in(tmp_path))
    assert found is not None
    assert (found.run, found.epoch, found.metrics) == ("trial/0", 9, {"val/x": 0.9})


@pytest.mark.parametrize("torn", [["trial.json"], ["trial.safetensors"]], ids=lambda t: t[0])
def test_a_lane_passes_over_a_torn_checkpoint(tmp_path: Path, torn: list[str]) -> None:
    for epoch in (1, 3, 9):
        checkpoint(tmp_path, epoch)
    for file in torn:
        whole = (tmp_path / "epoch-9" / file).read_bytes()
        (tmp_path / "epoch-9" / file).write_bytes(whole[:-4])
    assert resumed_at(tmp_path) == 3


def test_a_lane_passes_over_checkpoints_of_another_trial(tmp_path: Path) -> None:
    for epoch in (1, 3):
        checkpoint(tmp_path, epoch)
    assert resumed_at(tmp_path, "t") == 3
    assert resumed_at(tmp_path, "of another") is None
