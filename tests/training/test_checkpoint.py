"""A trial on disk: what it holds, what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from study.data import PreparedData
from study.errors import StoreError, TrialError
from study.plan import TrialSpec, digest_of
from study.training import Trial, checkpoint
from study.training.checkpoint import Facts

MakeSpec = Callable[..., TrialSpec]


PART = {"name": "reg", "learn_temperature": True}
LOSS = {"name": "combined", "contrastive": PART}
"""One that has everything that can be learnt."""


@pytest.fixture
def saved(make_spec: MakeSpec, data: PreparedData, tmp_path: Path) -> Path:
    trial = Trial(make_spec(loss=LOSS), data)
    trial.save(tmp_path / "rung", trial.advance(1))
    return tmp_path / "rung"


def test_it_holds_these_tensors_and_no_others(saved: Path) -> None:
    names = [
        *(f"network.encoder.{name}" for name in ("vectors.weight", "norm.weight", "norm.bias")),
        *(f"network.encoder.hidden.{name}" for name in ("weight", "bias")),
        *(f"network.projection.{layer}.{name}" for layer in (0, 2) for name in ("weight", "bias")),
        *(f"network.classifier.{name}" for name in ("weight", "bias")),
        "network.prototypes.weight",
        "loss.contrastive.log_temperature",
    ]
    kinds = ["module", "optimizer.step", "optimizer.exp_avg", "optimizer.exp_avg_sq"]
    expected = {f"{kind}.{name}" for kind in kinds for name in names}
    assert set(load_file(saved / "trial.safetensors")) == expected


def test_it_tells_whose_it_is(saved: Path, make_spec: MakeSpec, data: PreparedData) -> None:
    spec = make_spec(loss=LOSS)
    facts = json.loads((saved / "trial.json").read_text("utf-8"))
    assert facts["schema_version"] == 1
    assert facts["epoch"] == 1
    assert facts["trial_digest"] == digest_of(spec)
    assert facts["dataset_digest"] == data.dataset_digest
    assert facts["trial"] == spec.model_dump(mode="json")
    assert facts["metrics"]["val/f1_macro"] > 0


def test_no_file_of_it_is_a_pickle(saved: Path) -> None:
    assert {path.name for path in saved.iterdir()} == {"trial.json", "trial.safetensors"}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    facts = Facts(trial_digest="a", dataset_digest="b", epoch=3, metrics={"x": 0.1}, trial={})
    checkpoint.write(tmp_path / "c", {"w": torch.eye(2).T}, facts)
    tensors, found = checkpoint.read(tmp_path / "c")
    assert found == facts
    assert tensors["w"].equal(torch.eye(2))


@pytest.mark.parametrize("file", ["trial.json", "trial.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"[1]", b"\xff\xfe"])
def test_a_missing_or_damaged_file_is_refused(
    file: str, content: bytes | None, saved: Path
) -> None:
    (saved / file).unlink()
    if content is not None:
        (saved / file).write_bytes(content)
    if (file, content) == ("trial.safetensors", b"{}"):
        (saved / file).write_bytes(b"\x02\0\0\0\0\0\0\0{")
    with pytest.raises(TrialError) as caught:
        checkpoint.read(saved)
    assert str(caught.value) == f"{saved}: must be a whole checkpoint"


def test_one_of_a_newer_version_is_refused(saved: Path) -> None:
    facts = json.loads((saved / "trial.json").read_text("utf-8")) | {"schema_version": 2}
    (saved / "trial.json").write_text(json.dumps(facts), "utf-8")
    with pytest.raises(StoreError) as caught:
        checkpoint.read(saved)
    assert str(caught.value) == (
        f"{saved}: must have schema_version 1 or less, not 2; use the package that wrote it"
    )


def test_weights_that_do_not_fit_are_refused(
    saved: Path, make_spec: MakeSpec, data: PreparedData
) -> None:
    tensors, facts = checkpoint.read(saved)
    del tensors["module.network.prototypes.weight"]
    checkpoint.write(saved, tensors, facts)
    with pytest.raises(TrialError, match="must be a whole checkpoint"):
        Trial(make_spec(loss=LOSS), data).load(saved)


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_torn_tensors_are_noticed_without_reading_them(saved: Path, length: int) -> None:
    assert checkpoint.whole_facts(saved).epoch == 1
    file = saved / "trial.safetensors"
    file.write_bytes(file.read_bytes()[:length])
    assert checkpoint.read_facts(saved).epoch == 1
    with pytest.raises(TrialError, match="must be a whole checkpoint"):
        checkpoint.whole_facts(saved)


def test_a_checkpoint_of_another_trial_is_not_resumed_from(saved: Path) -> None:
    own = checkpoint.read_facts(saved).trial_digest
    assert checkpoint.whole_facts(saved, own).trial_digest == own
    with pytest.raises(TrialError, match=f"must be a checkpoint of trial other, not of {own}"):
        checkpoint.whole_facts(saved, "other")


def test_a_stored_digest_outlives_a_change_of_defaults(
    make_spec: MakeSpec, data: PreparedData, tmp_path: Path
) -> None:
    """What a later version calls the same settings does not matter."""
    spec = make_spec()
    first = Trial(spec, data, digest="stored")
    first.save(tmp_path / "rung", first.advance(3))
    assert (
        json.loads((tmp_path / "rung" / "trial.json").read_text("utf-8"))["trial_digest"]
        == "stored"
    )
    again = Trial(spec, data, digest="stored")
    again.load(tmp_path / "rung")
    assert again.finish(tmp_path / "final", {}).trial_digest == "stored"
    with pytest.raises(TrialError, match="must be a checkpoint of trial"):
        Trial(spec, data).load(tmp_path / "rung")
