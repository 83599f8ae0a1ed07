"""What `study check` says of studies over encoders of which one cannot read the dataset."""

import json
import subprocess
import sys
from pathlib import Path

from tests.toy.environment import TOY, toy_environment

CHECK = """
import json, sys
from pathlib import Path
from study.errors import CannotRunError
from study.pipeline.preflight import Place, preflight_file
file, storage = map(Path, sys.argv[1:3])
for sets in json.loads(sys.argv[3]):
    try:
        preflight_file(Place(storage), file, sets)
        print(["in order"])
    except CannotRunError as error:
        print(str(error).splitlines())
"""

ON_DEBTAGS = "dataset.name=debtags"
CASES = {
    (): "in order",
    (ON_DEBTAGS,): "space.encoder.name: grams cannot read debtags",
    (ON_DEBTAGS, "space.encoder.name=[grams]"): "space.encoder.name: grams cannot read debtags",
    (ON_DEBTAGS, "space.encoder.name=null", "trial.encoder.name=grams"): (
        "trial.encoder.name: grams cannot read debtags"
    ),
    (ON_DEBTAGS, "space.encoder.name=null", "space.encoder.buckets=null"): "in order",
}


def test_an_encoder_that_cannot_read_the_dataset_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-c", CHECK, str(TOY / "toy.yaml"), str(tmp_path)),
            json.dumps(list(CASES)),
        ],
        env=toy_environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    told = done.stdout.splitlines()
    assert len(told) == len(CASES), done.stderr
    for expected, lines in zip(CASES.values(), told, strict=True):
        assert repr(expected) in lines
    assert not list(tmp_path.iterdir()), "something was written"
