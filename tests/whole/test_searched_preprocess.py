"""What is drawn of an encoder's preprocess is what trials are trained with."""

import json
from pathlib import Path

import pytest
import torch

from study.data import PreparedData
from study.errors import MachineError
from study.pipeline.rank import rank_finalists
from study.spec import TrialState
from tests.whole.in_process import study_of, worked_on

WORDS = {"loss.name": ["bce"], "encoder.ngrams": [1, 2], "encoder.max_words": [50, 20_000]}
SPEC = study_of(WORDS, finalists={"top": 4, "seeds": 1}, budget={"trials": 10})


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_every_drawn_vocabulary_is_prepared_once(tmp_path: Path) -> None:
    with worked_on(SPEC, tmp_path) as work:
        drawn: dict[tuple[int, int], set[str]] = {}
        sizes: dict[tuple[int, int], int] = {}
        for one in work.assignments:
            encoder = one.spec["encoder"]
            drawn.setdefault((encoder["ngrams"], encoder["max_words"]), set()).add(one.data)
        for settings, folders in drawn.items():
            (folder,) = folders
            words = PreparedData(Path(folder)).state["words"]
            sizes[settings] = len(words)
            assert any(" " in word for word in words) == (settings[0] == 2)
        made = set((tmp_path / "cache").iterdir())
        assert made == {Path(f) for folders in drawn.values() for f in folders}
        assert len(made) == len(drawn) >= 3, "too few settings were drawn to tell"
        assert {sizes[one] for one in sizes if one[1] == 50} == {50}
        assert min(sizes[one] for one in sizes if one[1] == 20_000) > 1000
        assert len(work.notices) == len(made)
        assert "preparing debtags for the encoder bow (dim=8, ngrams=2, max_words=50)" in (
            work.notices
        )


def test_finalists_hold_as_many_words_as_their_model_says(tmp_path: Path) -> None:
    with worked_on(SPEC, tmp_path) as work:
        models = [json.loads(f.read_text("utf-8")) for f in tmp_path.rglob("model.json")]
        assert len({len(model["preprocess"]["words"]) for model in models}) > 1
        for model in models:
            encoder, words = model["encoder"], model["preprocess"]["words"]
            assert model["provenance"]["spec"]["encoder"] == encoder
            assert model["preprocess"]["ngrams"] == encoder["ngrams"]
            assert (len(words) == 50) == (encoder["max_words"] == 50)
        ranked = rank_finalists(work.result, tmp_path / SPEC.name, SPEC.dataset.open())
        assert len(ranked.rankings) == len(models)


def test_resume_finds_the_folders_and_makes_none_again(tmp_path: Path) -> None:
    with worked_on(SPEC, tmp_path, most=6) as first:
        before = {path: path.stat().st_ino for path in (tmp_path / "cache").iterdir()}
        seen = {one.data for one in first.assignments}
    with worked_on(SPEC, tmp_path) as second:
        after = {path: path.stat().st_ino for path in (tmp_path / "cache").iterdir()}
        assert {one.data for one in second.assignments} & seen
        assert after.items() >= before.items()
        assert len(second.notices) == len(after) - len(before)


def test_a_preprocess_that_finds_nothing_is_infeasible(tmp_path: Path) -> None:
    """No word is in 100,000 documents. The draw is at fault; other draws have a winner."""
    spec = study_of({"loss.name": ["bce"], "encoder.min_documents": [2, 100_000]})
    with worked_on(spec, tmp_path) as work:
        ends = {(t.params["encoder.min_documents"], t.state) for t in work.result.trials}
        assert ends == {(2, TrialState.COMPLETE), (100_000, TrialState.INFEASIBLE)}
        bad = [one for one in work.result.trials if one.state is TrialState.INFEASIBLE]
        assert {one.reason for one in bad} == {
            "no word is in 100000 documents of the training split: "
            "lower encoder.min_documents or take more data"
        }
        assert work.result.finalists[0].params["encoder.min_documents"] == 2
        assert len(work.notices) == 2, "what cannot be prepared was tried twice"


def test_a_cache_that_cannot_be_written_interrupts(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with (
        pytest.raises(MachineError, match="must be a folder to write to"),
        worked_on(SPEC, tmp_path),
    ):
        pass
