"""Training over NCCL is training alone. A process group takes one GPU for each worker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor

import study
from study.data import PreparedData, prepare
from study.plan import TrialSpec
from study.spec import parse
from study.training import Alone, Trial, Workers, World
from study.training.world import share_of

NUM_DEVICES = torch.cuda.device_count()

pytestmark = pytest.mark.gpu


def needs(devices: int) -> pytest.MarkDecorator:
    reason = f"needs {devices} CUDA devices, and torch sees {NUM_DEVICES}"
    return pytest.mark.skipif(devices > NUM_DEVICES, reason=reason)


SPEC: dict[str, Any] = {
    "dataset": {"name": "debtags", "train_fraction": 0.1},
    "encoder": {"name": "bow", "dim": 8, "dropout": 0.0},
    "projection": {"name": "mlp", "dim": 6},
    "loss": {"name": "reg"},
    "batch_size": 65,
    "epochs": 2,
}


def everything(world: World, data_folder: Path, folder: Path) -> dict[str, Tensor]:
    """Return what a gather and a whole trial with a pause come to."""
    share = torch.arange(21.0, device=world.device).reshape(7, 3)[share_of(7, world)]
    share.requires_grad_()
    whole = world.gather(share, 7)
    (whole * whole.detach()).sum().div(world.size).backward()
    assert share.grad is not None
    found = {"whole": whole.detach(), "gradient": world.gather_plain(share.grad, 7)}
    data = PreparedData(data_folder)
    trial = Trial(parse(TrialSpec, SPEC), data, world)
    trial.save(folder / "half", trial.advance(1))
    resumed = Trial(trial.spec, data, world)
    resumed.load(folder / "half")
    metrics = resumed.advance(2)
    resumed.save(folder / "done", {})
    found |= {name: torch.tensor(metrics[name]) for name in ("train/loss", "val/f1_macro")}
    found |= load_file(folder / "done" / "trial.safetensors")
    return {name: tensor.cpu().contiguous() for name, tensor in found.items()}


def work(rank: int, size: int, data_folder: Path, folder: Path) -> None:
    device = torch.device("cuda", rank)
    torch.cuda.set_device(device)
    meeting_point = f"file://{folder}/meeting"
    dist.init_process_group(
        "nccl", init_method=meeting_point, rank=rank, world_size=size, device_id=device
    )
    found = everything(Workers(device), data_folder, folder)
    save_file(found, folder / f"{rank}.safetensors")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = parse(TrialSpec, SPEC)
    preprocess, key = spec.encoder.preprocess(), spec.encoder.preprocess_key()
    return prepare(spec.dataset.open(), preprocess, key, tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="module")
def expected(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    return everything(Alone("cuda"), data_folder, tmp_path_factory.mktemp("alone"))


@pytest.mark.parametrize("size", [pytest.param(size, marks=needs(size)) for size in (1, 2)])
def test_a_trial_is_that_of_one_process(
    size: int, data_folder: Path, expected: dict[str, Tensor], tmp_path: Path
) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(study.__file__).parents[1])}
    workers = [
        subprocess.Popen(
            [sys.executable, __file__, str(rank), str(size), data_folder, tmp_path],
            env=environment,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        for rank in range(size)
    ]
    told = [worker.communicate(timeout=200)[1] for worker in workers]
    assert not any(worker.returncode for worker in workers), "\n".join(told)
    for rank in range(size):
        found = load_file(tmp_path / f"{rank}.safetensors")
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


if __name__ == "__main__":
    work(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
