"""Training on many workers is training on one: loss and gradients, collectives, whole trials.

Worker processes are costly to start, so each number of workers does everything once: it runs
``everything`` and writes what came of it, which the tests compare with a world of one.
"""

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
from study.data import PreparedData
from study.errors import DataError, TrialError
from study.losses import CONTRASTIVE, LOSSES
from study.plan import TrialSpec
from study.training import Alone, Phase, Trial, Workers, World
from study.training.evaluate import embed
from study.training.network import build_network
from study.training.step import BatchLoss, distributed
from study.training.world import on_all, on_first, share_of
from tests.training.trials import trial_of

SPECS: dict[str, dict[str, Any]] = {
    **{name: {"name": name} for name in LOSSES},
    "reg_2": {"name": "reg", "alpha": 2.0, "temperature": 0.5},
    "reg_hard": {"name": "reg", "alpha": "hard"},
    "reg_plain": {"name": "reg", "regulariser": False},
    "msc_equal": {"name": "msc", "beta": 1.0},
    "reg_own": {"name": "reg", "prototype_anchors": False},
    "mulsupcon_sample": {"name": "mulsupcon", "row_weight": "sample"},
    "asl_mean": {"name": "asl", "reduction": "mean", "detach_focus": False},
    **{
        f"{name}_learnt": {"name": name, "learn_temperature": True, "temperature": 0.2}
        for name in CONTRASTIVE
    },
    **{
        f"combined_{contrastive}_{classifier}": {
            "name": "combined",
            "weight": 0.3,
            "contrastive": {"name": contrastive, "learn_temperature": True},
            "classifier": {"name": classifier},
        }
        for contrastive, classifier in [("base", "two_way"), ("msc", "zlpr"), ("mulcon", "asl")]
    },
}
"""Every row of the table, the variants that weigh pairs otherwise, learnt temperatures."""

WHOLE = ("reg", "zlpr", "combined_msc_zlpr")
"""Those that a whole trial is run with."""

BATCH_SIZES = (8, 7, 5)
"""Shares that are equal, that differ by one, and shares of a single sample."""

START = """
import runpy, sys, tests
tests.__path__ = [sys.argv.pop(1)]
runpy.run_path(sys.argv[1], run_name="__main__")
"""
"""Runs this file. A dependency has installed a package called tests, too: it is put aside."""

NUM_WORKERS = [2, pytest.param(4, marks=pytest.mark.slow)]


def spec_of(loss: dict[str, Any], **fields: Any) -> TrialSpec:
    """Dropout is off: its masks are the workers' own."""
    small = {
        "dataset": {"name": "debtags"},
        "encoder": {"name": "bow", "dim": 8, "dropout": 0.0},
        "projection": {"name": "mlp", "dim": 6},
        "batch_size": 13,
        "epochs": 2,
        "loss": loss,
    }
    return trial_of(small | fields)


def gradients(world: World, data: PreparedData, name: str, batch_size: int) -> dict[str, Tensor]:
    """Return the loss of one batch and its gradient for every parameter, in float64."""
    spec, train = spec_of(SPECS[name]), data.split("train")
    torch.manual_seed(0)
    network = build_network(spec, data.state, len(data.label_names))
    module = BatchLoss(network, spec.loss.build(), world, "fp32").double()
    rows_N = torch.arange(10, 10 + batch_size)
    y_NL = train.y_NL[rows_N]
    # An unlabelled sample, and a label that does not occur, on one worker only.
    y_NL[1], y_NL[:, 3] = 0, 0
    shared = distributed(module, world)
    part = shared(train.take(rows_N[share_of(batch_size, world)]), y_NL)
    part.backward()
    found = {"loss": torch.tensor(world.mean(part.item()), dtype=torch.float64)}
    for parameter, weights in module.named_parameters():
        assert weights.grad is not None
        found[parameter] = weights.grad
    return {f"{name}/{batch_size}/{key}": value for key, value in found.items()}


def weights_of(trial: Trial, folder: Path) -> dict[str, Tensor]:
    trial.save(folder, {})
    found = load_file(folder / "trial.safetensors")
    return {name: tensor for name, tensor in found.items() if name.startswith("module.")}


def whole_trial(world: World, data: PreparedData, loss: str, folder: Path) -> dict[str, Tensor]:
    """Return weights and metrics after two epochs, the second after a pause on disk."""
    spec = spec_of(SPECS[loss])
    trial = Trial(spec, data, world)
    first = trial.advance(1)
    trial.save(folder / f"{loss}_1", first)
    resumed = Trial(spec, data, world)
    assert resumed.load(folder / f"{loss}_1") == first
    metrics = resumed.advance(2)
    del metrics["perf/samples_per_s"]
    found = weights_of(resumed, folder / f"{loss}_2")
    found |= {name: torch.tensor(value) for name, value in metrics.items()}
    return {f"{loss}/{name}": tensor for name, tensor in found.items()}


def whole_finish(world: World, data: PreparedData, folder: Path) -> dict[str, Tensor]:
    """Return the scores of a finalist after one epoch; the outcome is the same everywhere."""
    trial = Trial(spec_of(SPECS["bce"]), data, world)
    trial.advance(2)
    outcome = trial.finish(folder / "final", {})
    assert world.mean(outcome.threshold) == outcome.threshold
    return load_file(folder / "final" / "scores.safetensors")


def collectives(world: World) -> dict[str, Tensor]:
    """Gather with shares of unlike length; the gradient is the sum of all workers' wishes."""
    found: dict[str, Tensor] = {}
    for total in (1, 5, 8):
        rows = share_of(total, world)
        share = torch.arange(total * 3.0).reshape(total, 3)[rows].requires_grad_()
        whole = world.gather(share, total)
        wish = torch.arange(total * 3.0).reshape(total, 3) + 1
        (whole * wish).sum().div(world.size).backward()
        assert share.grad is not None
        plain = world.gather_plain(share, total)
        assert not plain.requires_grad
        found |= {f"{total}/whole": whole.detach(), f"{total}/plain": plain}
        found[f"{total}/gradient"] = world.gather_plain(share.grad, total)
    labels = torch.arange(7, dtype=torch.uint8)[share_of(7, world)]
    found["labels"] = world.gather_plain(labels, 7)
    return found


class UnsendableError(Exception):
    """Pickles, but cannot be rebuilt."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def raise_on(world: World, rank: int, error: Exception) -> None:
    if world.rank == rank:
        raise error


def agreement(world: World) -> None:
    """Values and errors of one worker reach all of them."""
    assert on_first(world, lambda: {"rank": world.rank}) == {"rank": 0}
    assert world.broadcast(torch.tensor([world.rank + 1.0])).item() == 1
    assert world.mean(float(world.rank)) == (world.size - 1) / 2
    assert on_all(world, lambda: world.rank) == world.rank

    def fail_on(rank: int) -> int:
        if world.rank == rank:
            raise DataError("the disk is gone")
        return world.rank

    with pytest.raises(DataError, match="the disk is gone"):
        on_first(world, lambda: fail_on(0))
    with pytest.raises(FloatingPointError, match="of rank 0"):
        on_first(world, lambda: raise_on(world, 0, FloatingPointError("of rank 0")))
    unsendable = RuntimeError if world.rank else UnsendableError
    with pytest.raises(unsendable, match="cannot be sent"):
        on_first(world, lambda: raise_on(world, 0, UnsendableError("cannot", "be sent")))
    odd = ValueError if world.rank == world.size - 1 else TrialError
    with pytest.raises(odd):
        on_all(world, lambda: raise_on(world, world.size - 1, ValueError("odd")))
    assert on_first(world, lambda: fail_on(world.size)) == 0
    expected = DataError if world.rank == world.size - 1 else TrialError
    with pytest.raises(expected):
        on_all(world, lambda: fail_on(world.size - 1))


def dropout_seed(world: World, data: PreparedData) -> Tensor:
    """Return what this worker's random numbers start from in the first epoch."""
    seeds: list[int] = []

    class Listener:
        def phase(self, name: Phase) -> None:
            pass

        def step(self, step: int, steps: int) -> None:
            seeds.append(torch.initial_seed() % 2**32)

    Trial(spec_of(SPECS["bce"]), data, world, progress=Listener()).advance(1)
    return torch.tensor(seeds[0])


def everything(world: World, data_folder: Path, folder: Path) -> dict[str, Tensor]:
    data, found = PreparedData(data_folder), collectives(world)
    agreement(world)
    for name in SPECS:
        for batch_size in BATCH_SIZES:
            found |= gradients(world, data, name, batch_size)
    for loss in WHOLE:
        found |= whole_trial(world, data, loss, folder)
    network = Trial(spec_of(SPECS["reg"]), data, world)._module.network
    found["embedded"] = embed(network, data.split("val"), world).x_ND
    found["dropout_seed"] = dropout_seed(world, data)
    return found | whole_finish(world, data, folder)


def work(rank: int, size: int, data_folder: Path, folder: Path) -> None:
    torch.set_num_threads(1)
    meeting_point = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting_point, rank=rank, world_size=size)
    found = everything(Workers(), data_folder, folder)
    save_file({name: t.contiguous() for name, t in found.items()}, folder / f"{rank}.safetensors")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def alone(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    return everything(Alone(), data_folder, tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module", params=NUM_WORKERS)
def ranks(
    request: pytest.FixtureRequest, data_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Tensor]]:
    folder, size = tmp_path_factory.mktemp("workers"), request.param
    environment = os.environ | {"PYTHONPATH": str(Path(study.__file__).parents[1])}
    # By their paths: worker processes do not know pytest's names of modules.
    files = [str(Path(__file__).parents[1]), __file__]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", START, *files, str(rank), str(size), data_folder, folder],
            env=environment,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        for rank in range(size)
    ]
    told = [worker.communicate(timeout=200)[1] for worker in workers]
    assert not any(worker.returncode for worker in workers), "\n".join(told)
    return [load_file(folder / f"{rank}.safetensors") for rank in range(size)]


def assert_same(
    ranks: list[dict[str, Tensor]], alone: dict[str, Tensor], prefix: str, tolerance: float
) -> None:
    names = [name for name in alone if name.startswith(prefix)]
    assert names
    for found in ranks:
        expected = {name: alone[name] for name in names}
        got = {name: found[name] for name in names}
        torch.testing.assert_close(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("name", SPECS)
def test_loss_and_gradients_are_those_of_one_worker(
    name: str, batch_size: int, ranks: list[dict[str, Tensor]], alone: dict[str, Tensor]
) -> None:
    assert_same(ranks, alone, f"{name}/{batch_size}/", 1e-10)


def test_no_gradient_that_is_compared_is_nothing_but_zeros(alone: dict[str, Tensor]) -> None:
    for name in SPECS:
        assert alone[f"{name}/8/network.encoder.vectors.weight"].any()
        assert alone[f"{name}/8/loss"].isfinite()
    assert alone["reg/8/network.prototypes.weight"].any()
    assert alone["bce/8/network.classifier.weight"].any()
    assert alone["mulcon/8/network.label_attention.queries"].any()
    for name, spec in SPECS.items():
        if "combined" in name:
            assert alone[f"{name}/8/network.classifier.weight"].any()
            assert alone[f"{name}/8/network.projection.0.weight"].any()
        if spec.get("learn_temperature"):
            assert alone[f"{name}/8/loss.log_temperature"].any()
        if spec.get("contrastive", {}).get("learn_temperature"):
            assert alone[f"{name}/8/loss.contrastive.log_temperature"].any()


@pytest.mark.parametrize("total", [1, 5, 8])
def test_shares_are_gathered_in_order_and_gradients_go_home(
    total: int, ranks: list[dict[str, Tensor]], alone: dict[str, Tensor]
) -> None:
    assert_same(ranks, alone, f"{total}/", 0)
    assert_same(ranks, alone, "labels", 0)
    wish = torch.arange(total * 3.0).reshape(total, 3) + 1
    torch.testing.assert_close(alone[f"{total}/gradient"], wish)


@pytest.mark.parametrize("loss", WHOLE)
def test_a_trial_is_that_of_one_worker(
    loss: str, ranks: list[dict[str, Tensor]], alone: dict[str, Tensor]
) -> None:
    assert_same(ranks, alone, f"{loss}/module.", 1e-4)
    assert_same(ranks, alone, f"{loss}/train/loss", 1e-5)
    assert_same(ranks, alone, f"{loss}/val/", 1e-3)


def test_features_are_embedded_in_the_order_of_the_split(
    ranks: list[dict[str, Tensor]], alone: dict[str, Tensor]
) -> None:
    assert_same(ranks, alone, "embedded", 1e-6)


def test_a_finalist_scores_as_on_one_worker(
    ranks: list[dict[str, Tensor]], alone: dict[str, Tensor]
) -> None:
    assert_same(ranks, alone, "val_score_NL", 1e-3)
    assert_same(ranks, alone, "test_score_NL", 1e-3)


def test_every_worker_has_dropout_of_its_own(ranks: list[dict[str, Tensor]]) -> None:
    assert len({found["dropout_seed"].item() for found in ranks}) == len(ranks)


def test_shares_are_those_of_tensor_split(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Alone()
    for size in (1, 2, 3, 4, 7):
        monkeypatch.setattr(world, "size", size)
        for total in (0, 1, 5, 8, 23):
            for rank, expected in enumerate(torch.arange(total).tensor_split(size)):
                monkeypatch.setattr(world, "rank", rank)
                assert torch.arange(total)[share_of(total, world)].equal(expected)


def test_alone_everything_is_what_it_is() -> None:
    agreement(Alone())
    share = torch.ones(3, 2, requires_grad=True)
    assert Alone().gather(share, 3) is share


def test_a_share_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"worker 0 of 1 has 4 of 4 rows, not 3"):
        Alone().gather(torch.ones(3, 2), 4)


if __name__ == "__main__":
    work(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
