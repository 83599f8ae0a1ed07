"""What lies in an exported folder, and what is never written."""

from __future__ import annotations

import dataclasses
import json
import pickletools
from pathlib import Path

import pytest
import torch

from study.serving import export, read_manifest
from tests.serving.exported import LABELS, exported_to, small_package


def test_a_folder_holds_weights_and_json_and_nothing_else(tmp_path: Path) -> None:
    folder = exported_to(tmp_path / "model")
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "weights.safetensors"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    for path in folder.iterdir():
        with pytest.raises(ValueError):  # noqa: PT011 - whatever it says, it is no pickle
            list(pickletools.genops(path.read_bytes()))


def test_the_description_says_what_a_server_must_know(tmp_path: Path) -> None:
    data = json.loads((exported_to(tmp_path / "model") / "model.json").read_text("utf-8"))
    assert data["schema_version"] == 1
    assert data["encoder"]["name"] == "bow"
    assert data["label_names"] == list(LABELS)
    assert data["threshold"] == 0.5
    assert data["provenance"] == {"study": "quick", "seed": 0}
    assert len(data["weights_sha256"]) == 64


def test_the_same_package_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = exported_to(tmp_path / "a"), exported_to(tmp_path / "b")
    for name in ("model.json", "weights.safetensors"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_exporting_again_replaces_the_folder(tmp_path: Path) -> None:
    before = read_manifest(exported_to(tmp_path / "model")).weights_sha256
    (tmp_path / "model" / "left over").touch()
    after = read_manifest(exported_to(tmp_path / "model", seed=1)).weights_sha256
    assert before != after
    assert not (tmp_path / "model" / "left over").exists()


def test_a_failed_export_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    folder = exported_to(tmp_path / "model")
    before = (folder / "model.json").read_bytes()
    no_json = dataclasses.replace(small_package(seed=1), provenance={"when": object()})
    with pytest.raises(ValueError, match="serialize"):
        export(no_json, folder)
    assert (folder / "model.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_tensors_that_share_memory_are_exported(tmp_path: Path) -> None:
    package = small_package()
    state = dict(package.encoder_state)
    state["hidden.bias"] = state["norm.bias"]
    export(dataclasses.replace(package, encoder_state=state), tmp_path / "model")
    assert (tmp_path / "model").is_dir()


def test_weights_that_do_not_fit_the_labels_are_refused(tmp_path: Path) -> None:
    package = dataclasses.replace(small_package(), bias_L=torch.zeros(3))
    with pytest.raises(ValueError, match=r"same L, not \(4, 8\), \(3,\) and 4"):
        export(package, tmp_path / "model")


def test_two_labels_of_one_name_are_refused(tmp_path: Path) -> None:
    package = dataclasses.replace(small_package(), label_names=("a", "b", "a", "c"))
    with pytest.raises(ValueError, match="must differ"):
        export(package, tmp_path / "model")


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    package = small_package()
    package.weight_LD[0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"scorer\.weight: must be finite"):
        export(package, tmp_path / "model")
    assert not (tmp_path / "model").exists()
