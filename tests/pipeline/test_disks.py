"""Network file systems are told from local ones, by tables as Linux prints them."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from study.errors import CannotRunError, StoreError
from study.pipeline.disks import Disks, file_system, local_disks
from study.pipeline.home import Home
from study.pipeline.preflight import Place, preflight_file
from tests.pipeline.test_home import begin

FILE = Path("search_spaces/interface.yaml")

TABLE = r"""
22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
24 22 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:13 - proc proc rw
88 22 0:44 / /home rw,relatime shared:45 - nfs4 nas:/export/home rw,vers=4.2,hard,proto=tcp
91 88 259:5 / /home/local rw,relatime shared:49 - xfs /dev/nvme1n1p1 rw,attr2
93 22 0:51 / /mnt/my\040share rw,relatime shared:51 - cifs //nas/share rw,vers=3.1.1
95 22 0:52 / /scratch rw,noatime shared:53 - lustre 10.0.0.1@o2ib:/scratch rw,localflock
97 22 0:53 / /remote rw,nosuid,nodev - fuse.sshfs me@host:/data rw,user_id=1000
99 22 0:54 / /gpfs/work rw,relatime shared:55 - gpfs work rw
101 22 0:55 / /mnt/c rw,noatime - 9p C:\134 rw,dirsync,aname=drvfs
103 22 0:56 / /pool rw,relatime master:3 propagate_from:2 - zfs tank/pool rw
105 22 0:57 / /over rw - nfs nas:/old rw
106 105 259:7 / /over rw - btrfs /dev/sdb rw
107 22 0:58 / /bees rw - beegfs beegfs_nodev rw
108 22 0:59 / /cephs rw - ceph 10.0.0.2:6789:/ rw
109 22 0:60 / /gluster rw - fuse.glusterfs host:/vol rw
""".strip()


def disks(mounts: str = TABLE, free: int = 10**12) -> Disks:
    return Disks(mounts, lambda _path: free)


@pytest.mark.parametrize(
    ("path", "kind", "is_network"),
    [
        ("/data/studies", "ext4", False),
        ("/home/me/studies", "nfs4", True),
        ("/home", "nfs4", True),
        ("/homes/me", "ext4", False),
        ("/home/local/studies", "xfs", False),
        ("/mnt/my share/studies", "cifs", True),
        ("/scratch/me", "lustre", True),
        ("/remote/x", "fuse.sshfs", True),
        ("/gpfs/work/x", "gpfs", True),
        ("/mnt/c/Users", "9p", False),
        ("/pool/x", "zfs", False),
        ("/over/x", "btrfs", False),
        ("/bees/x", "beegfs", True),
        ("/cephs/x", "ceph", True),
        ("/gluster/x", "fuse.glusterfs", True),
    ],
)
def test_a_path_is_on_the_deepest_and_last_mount(path: str, kind: str, is_network: bool) -> None:
    assert file_system(Path(path), TABLE) == kind
    assert disks().network(Path(path)) == (kind if is_network else None)


@pytest.mark.parametrize("mounts", ["", "nonsense", "1 2 3 - ", "22 1 0:1 / / rw"])
def test_a_table_that_says_nothing_names_none(mounts: str) -> None:
    assert disks(mounts).network(Path("/home/me")) is None


def test_this_machine_is_read() -> None:
    found = local_disks()
    assert file_system(Path("/proc/self"), found.mounts) == "proc"
    assert found.free_bytes(Path("/")) > 0


def on_nfs(folder: Path) -> Disks:
    return disks(f"22 1 259:2 / / rw - ext4 /dev/sda rw\n23 22 0:4 / {folder} rw - nfs4 nas:/x rw")


def test_sqlite_on_a_network_disk_is_refused_with_the_cure(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    with pytest.raises(CannotRunError) as caught:
        preflight_file(Place(shared / "studies"), FILE, disks=on_nfs(shared))
    assert str(caught.value) == (
        f"{shared}/studies/mlflow.db: SQLite must be on a local disk, {shared}/studies is on nfs4 "
        "and would damage it: give --tracking-uri sqlite:////LOCAL/FOLDER/mlflow.db or the URL of "
        "an MLflow server"
    )
    given = Place(tmp_path / "studies", f"sqlite:///{shared}/mlflow.db")
    with pytest.raises(CannotRunError, match=r"^--tracking-uri: SQLite must be on a local disk"):
        preflight_file(given, FILE, disks=on_nfs(shared))


def test_a_journal_on_a_network_disk_is_told_in_the_plan(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    place = Place(shared / "studies", f"sqlite:///{tmp_path}/local.db")
    lines = preflight_file(place, FILE, disks=on_nfs(shared)).disk
    assert lines[0].startswith(f"{shared}/studies is on nfs4: every event is forced to it")
    assert "is on" not in preflight_file(Place(tmp_path), FILE, disks=on_nfs(shared)).disk[0]


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_disk_without_locks_is_refused_with_the_cure(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Lustre answers that is mounted without flock."""

    def refuse(_stream: object, _how: int) -> None:
        raise OSError(code, os.strerror(code))

    home = Home(tmp_path)
    begin(home, "voc")
    monkeypatch.setattr(fcntl, "flock", refuse)
    rule = (
        "must be on a file system with locks (flock), this one has none: "
        f"{os.strerror(code)}; mount it with the option flock, or give --storage on another disk"
    )
    with pytest.raises(StoreError) as caught, home.work("voc"):
        pass
    assert str(caught.value) == f"{home.folder('voc')}: {rule}"
    with pytest.raises(CannotRunError) as refused:
        preflight_file(Place(tmp_path), FILE)
    assert str(refused.value) == f"--storage: {rule}"
    assert home.result("voc").state == "INTERRUPTED"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_locked_is_told(tmp_path: Path) -> None:
    home = Home(tmp_path)
    begin(home, "voc")
    home.folder("voc").chmod(0o500)
    with pytest.raises(StoreError, match="cannot be locked: Permission denied"), home.work("voc"):
        pass


def test_a_study_name_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "voc").write_text("", "utf-8")
    with pytest.raises(StoreError, match="cannot be locked"), Home(tmp_path).work("voc"):
        pass
