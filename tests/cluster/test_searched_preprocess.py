"""A real study that draws an encoder's vocabulary: models hold the words their file names."""

import json

import pytest
from real_studies import Studies

# MLflow's own warnings are not ours to mend.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.timeout(400)
def test_models_hold_the_vocabulary_that_was_drawn(studies: Studies) -> None:
    words = studies.run_words(
        space__encoder__ngrams="[1, 2]", space__encoder__max_words="[50, 20000]",
        space__loss__name="[bce, reg]", budget__trials="8", finalists__top="4",
        finalists__seeds="1",
    )  # fmt: skip
    code, _ = studies.run(*words)
    assert code == 0, studies.log()
    files = (studies.storage / "interface" / "finalists").rglob("model.json")
    models = [json.loads(file.read_text("utf-8")) for file in files]
    sizes = {(m["encoder"]["max_words"], len(m["preprocess"]["words"])) for m in models}
    assert {size for most, size in sizes if most == 50} == {50}
    assert min(size for most, size in sizes if most == 20_000) > 1000
    for model in models:
        pairs = [word for word in model["preprocess"]["words"] if " " in word]
        assert bool(pairs) == (model["encoder"]["ngrams"] == 2)
    assert studies.log().count("preparing debtags for the encoder bow") == len(
        list((studies.storage / "cache").iterdir())
    )
    before = {path: path.stat().st_mtime_ns for path in (studies.storage / "cache").iterdir()}
    code, _ = studies.run(*words, timeout_s=60)
    assert code == 0, studies.log()
    assert {p: p.stat().st_mtime_ns for p in (studies.storage / "cache").iterdir()} == before
