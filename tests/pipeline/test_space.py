"""What a study will write, by an arithmetic that can be checked by hand."""

from pathlib import Path

import pytest

from study.errors import CannotRunError
from study.pipeline.disks import Disks
from study.pipeline.home import Home
from study.pipeline.preflight import Place, preflight_file
from study.pipeline.space import DiskNeed, disk_need, size, space_problems
from study.plan import LanePlan, LaneShape, load
from tests.pipeline.test_home import begin

FILE = Path("search_spaces/interface.yaml")


def disks(free: int) -> Disks:
    return Disks("", lambda path: free if "scratch" not in str(path) else 10**12)


def need(**changes: int | None) -> DiskNeed:
    values = {"lanes": 2, "checkpoints": 3, "parameters": 1_000_000, "finalists": 6} | changes
    return DiskNeed(**{"scores": 250_000, "data": 5_000_000, **values})  # type: ignore[arg-type]


def test_the_sum_is_that_of_the_sentence() -> None:
    assert need().arithmetic == (
        "2 lanes x 3 checkpoints x 12.0 MB + 7 models x 4.0 MB "
        "+ 6 finalist runs x 1.0 MB of scores + 5.0 MB of prepared data"
    )
    assert need().bytes == 72_000_000 + 28_000_000 + 6_000_000 + 5_000_000


def test_what_cannot_be_known_is_said() -> None:
    unknown = need(parameters=None)
    assert unknown.bytes == 11_000_000
    assert unknown.arithmetic.endswith(
        "; checkpoints and models not counted, their size is unknown"
    )


def test_what_is_there_need_not_be_written() -> None:
    assert need(written=11_000_000).bytes == 100_000_000
    assert need(written=10**9).bytes == 0


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (61_400_000, "61.4 MB"),
        (2 * 10**15, "2000.0 TB"),
    ],
)
def test_sizes_are_said_with_their_unit(number: int, text: str) -> None:
    assert size(number) == text


def test_the_largest_network_that_can_be_drawn_counts(tmp_path: Path) -> None:
    sets = ["trial.encoder.max_words=100", "space.encoder.dim=[4, 8, 16]"]
    spec = load(FILE, sets)
    lanes = LanePlan(2, LaneShape(1, cpus=1, gpus=0), "")
    found = disk_need(spec, spec.dataset.open(), lanes, Home(tmp_path))
    small = load(FILE, ["trial.encoder.max_words=100", "trial.encoder.dim=16"])
    assert (
        found.parameters == disk_need(small, small.dataset.open(), None, Home(tmp_path)).parameters
    )
    assert found.parameters is not None
    assert found.parameters > 100 * 16


def test_a_disk_that_is_too_full_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotRunError) as caught:
        preflight_file(Place(tmp_path), FILE, disks=disks(1000))
    first = str(caught.value).splitlines()[0]
    assert first.startswith("--storage: must have ")
    assert f" free, {tmp_path} has 1.0 kB (" in first


def test_the_plan_has_the_estimate(tmp_path: Path) -> None:
    (line,) = preflight_file(Place(tmp_path), FILE, disks=disks(10**12)).disk
    assert line.startswith("about ")
    assert line.endswith("; 1.0 TB are free")


def test_a_full_scratch_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "full"
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    found = Disks("", lambda path: 10**6 if path == scratch else 10**12)
    (problem,) = space_problems(need(), Home(tmp_path), found)
    assert str(problem) == f"{scratch}: must have 200.0 MB free for Ray, not 1.0 MB"


def test_a_study_that_began_has_its_data(tmp_path: Path) -> None:
    spec = load(FILE)
    dataset = spec.dataset.open()
    home = Home(tmp_path)
    assert disk_need(spec, dataset, None, home).data > 1_000_000
    begin(home, spec.name)
    again = disk_need(spec, dataset, None, home)
    assert again.data == 0
    assert again.written == home.journal(spec.name).stat().st_size
