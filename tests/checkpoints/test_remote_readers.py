"""Reading from a store: what is there now, whoever put it there, and nothing unverified."""

import shutil
import threading
from pathlib import Path

import pytest

from tests.checkpoints.fakes import branch_off, names, open_past_damage, save
from tests.checkpoints.store_places import StorePlace, second_machine
from trainer.checkpoints.errors import CheckpointCorrupted, NoUsableCheckpoint
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.remote.client import Client
from trainer.checkpoints.retention import Retention
from trainer.commands.players.shelf import Shelf, home_of

Machines = tuple[CheckpointManager, CheckpointManager]


@pytest.fixture
def two_machines(remote: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """A manager on each of two machines."""
    first = remote.manager(keep_last_n=0)
    with monkeypatch.context() as elsewhere:
        second_machine(elsewhere, tmp_path / "another machine")
        second = remote.manager(keep_last_n=0)
    assert first.directory != second.directory
    return first, second


@pytest.fixture
def transfers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the objects that are downloaded."""
    met: list[str] = []
    real = Client.download

    def download(self: Client, name: str, target: Path) -> None:
        met.append(name)
        real(self, name, target)

    monkeypatch.setattr(Client, "download", download)
    return met


def test_a_second_machine_sees_everything(two_machines: Machines, remote: StorePlace) -> None:
    first, second = two_machines
    save(first, 10, reward_mean=99.0)
    save(first, 20, tags=["final"])
    for name in ("training_metrics_iter_20.png", "metrics_iter_20.json"):
        (first.directory / name).write_text(name)
    first.upload()
    first.pin(10)
    assert second.list_checkpoints() == first.list_checkpoints()
    assert second.pinned() == {10}
    path = second.open("latest")
    assert path == second.directory / "checkpoint_000020"
    assert second.get_best_checkpoint() == str(second.directory / "checkpoint_000010")
    assert (path.parent / "metrics_iter_20.json").read_text() == "metrics_iter_20.json"
    assert (path.parent / "training_metrics_iter_20.png").exists()
    save(second, 30)
    second.unpin(10)
    assert first.listing().iterations == [10, 20, 30]
    assert first.pinned() == frozenset()
    assert open_past_damage(first, "latest") == (first.directory / "checkpoint_000030", [])


@pytest.mark.slow
def test_a_list_needs_only_heads_and_only_once(
    two_machines: Machines, transfers: list[str]
) -> None:
    first, second = two_machines
    for iteration in (10, 20):
        save(first, iteration)
    assert transfers == []
    second.listing()
    heads = [
        f"checkpoint_0000{i}/{n}" for i in (10, 20) for n in ("manifest.json", "metadata.json")
    ]
    assert sorted(transfers) == heads
    del transfers[:]
    assert second.listing().iterations == [10, 20]
    assert transfers == []
    second.open(20)
    assert {name.partition("/")[0] for name in transfers} >= {"checkpoint_000020"}
    assert "checkpoint_000010/manifest.json" not in transfers
    del transfers[:]
    second.open(20)
    assert transfers == []


@pytest.mark.slow
def test_what_others_delete_is_gone_and_their_new_one_under_that_number_is_seen(
    two_machines: Machines,
) -> None:
    first, second = two_machines
    for iteration in (10, 20, 30):
        save(first, iteration)
    second.open(20)
    first.retention = Retention(last_n=1)
    first.prune()
    assert second.listing().iterations == [30]
    assert "checkpoint_000020" not in names(second.directory)
    with pytest.raises(NoUsableCheckpoint, match="nearest: 30"):
        second.open(20)
    first.retention = Retention(last_n=0)
    save(first, 20, payload="another life")
    assert (second.open(20) / "algorithm_state.pkl").read_text() == "another life"


@pytest.mark.slow
def test_a_checkpoint_in_use_stays_here_when_others_delete_it(two_machines: Machines) -> None:
    first, second = two_machines
    for iteration in (10, 20):
        save(first, iteration)
    path = second.open(10)
    with second.protect(path):
        first.retention = Retention(last_n=1)
        first.prune()
        second.listing()
        second.verify(second.open(20))
        assert (path / "algorithm_state.pkl").is_file()
    assert second.listing().iterations == [20]
    assert not path.exists()


@pytest.mark.slow
def test_deleted_behind_our_back(remote: StorePlace, two_machines: Machines) -> None:
    first, second = two_machines
    for iteration in (10, 20):
        save(first, iteration)
    second.listing()
    remote.bucket.fs.delete_dir(f"{remote.bucket.root}/checkpoint_000020")
    assert second.listing().iterations == [10]  # though latest.json still names 20
    assert second.open("latest").name == "checkpoint_000010"
    assert first.listing().iterations == [10]
    save(first, 20)  # the number is free again
    remote.bucket.fs.delete_dir_contents(remote.bucket.root)
    for manager in two_machines:
        assert manager.listing().iterations == []
        with pytest.raises(NoUsableCheckpoint, match="no checkpoints found in s3://"):
            manager.open("latest")


@pytest.mark.slow
def test_deleted_between_list_and_download(
    remote: StorePlace, two_machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two_machines
    save(first, 10)
    second.listing()
    path = second.find("latest")
    remote.bucket.fs.delete_dir(f"{remote.bucket.root}/checkpoint_000010")
    with pytest.raises(NoUsableCheckpoint, match=r"/checkpoint_000010 was deleted just now"):
        second._store.fetch(path)


@pytest.mark.parametrize(
    "content", [b"other", *(pytest.param(c, marks=pytest.mark.slow) for c in (b"", None))]
)
def test_a_corrupted_object_is_found_on_download(
    remote: StorePlace, two_machines: Machines, content: bytes | None
) -> None:
    first, second = two_machines
    save(first, 10)
    save(first, 20)
    name = "checkpoint_000020/algorithm_state.pkl"
    remote.bucket.delete(name) if content is None else remote.bucket.write(name, content)
    with pytest.raises(CheckpointCorrupted) as caught:
        second.open("latest")
    told, way_on = str(caught.value).splitlines()
    assert told.startswith(f"{remote.shown}/checkpoint_000020 is damaged: algorithm_state.pkl: ")
    assert way_on.endswith(f"python list_checkpoints.py {remote.shown}")
    assert not (second.directory / "checkpoint_000020" / "config.yaml").exists()
    path, (aside,) = open_past_damage(second, "latest")
    assert path == second.directory / "checkpoint_000010"
    assert aside.moved_to is not None
    assert first.listing().iterations == [10]
    assert aside.moved_to.name in remote.names()
    assert b"checkpoint_000010" in remote.read("latest.json")


def test_a_copy_that_went_bad_here_is_fetched_again(two_machines: Machines) -> None:
    first, second = two_machines
    save(first, 10)
    path = second.open("latest")
    (path / "algorithm_state.pkl").write_text("other")
    assert second.open("latest", verify=True) == path
    assert (path / "algorithm_state.pkl").read_text() == "state"
    shutil.rmtree(path / "policies")
    assert open_past_damage(second, "latest") == (path, [])
    assert (path / "policies" / "hider_policy" / "spec.json").is_file()


def test_a_reader_during_an_upload_sees_the_old_state_or_the_new(
    two_machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two_machines
    save(first, 10)
    real = Client.write
    seen: list[tuple[str, list[int], str]] = []

    def write(self: Client, name: str, content: bytes) -> None:
        seen.append((name, second.listing().iterations, second.open("latest").name))
        real(self, name, content)

    monkeypatch.setattr(Client, "write", write)
    save(first, 20)
    assert seen == [
        ("checkpoint_000020/manifest.json", [10], "checkpoint_000010"),
        ("latest.json", [10], "checkpoint_000010"),
        ("checkpoint_index.json", [10, 20], "checkpoint_000020"),
    ]


@pytest.mark.slow
def test_readers_beside_a_writer_on_one_machine(remote: StorePlace) -> None:
    """They share the mirror, and none takes away what another one just put there."""
    manager, problems, over = remote.manager(keep_last_n=2), [], threading.Event()

    def read() -> None:
        reader = remote.manager()
        while not over.is_set():
            try:
                for path in map(reader.open, reader.listing().iterations[-1:]):
                    reader.verify(path)
            except NoUsableCheckpoint:
                pass  # pruned just now
            except Exception as error:
                problems.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for iteration in range(10, 80, 10):
        path = save(manager, iteration)
        assert path.is_dir()
    over.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert manager.listing().iterations == [60, 70]


@pytest.mark.slow
def test_a_copied_folder_without_a_pointer_is_listed(
    remote: StorePlace, two_machines: Machines
) -> None:
    first, second = two_machines
    save(first, 10)
    remote.bucket.delete("latest.json")
    assert second.listing().iterations == [10]
    remote.bucket.write("latest.json", b"not ours")
    assert second.listing().iterations == [10]
    save(first, 20)
    assert second.listing().iterations == [10, 20]


def test_hostile_objects_are_no_traceback_and_no_way_out(
    remote: StorePlace, two_machines: Machines
) -> None:
    first, second = two_machines
    save(first, 10)
    for name, content in (
        ("checkpoint_000005/manifest.json", b"["),
        ("checkpoint_000006/manifest.json", b"[" * 100_000),
        ("checkpoint_000007/manifest.json", b'{"format": 1, "files": {"../../x": {}}}'),
        ("checkpoint_000007/metadata.json", b'{"iteration": 7}'),
        ("checkpoint_000008", b"a file"),
        ("branch_after_000010_20241219T153045", b"a file"),
        ("pins.json", b"\xff"),
    ):
        remote.bucket.write(name, content)
    listing = second.listing()
    assert listing.iterations == [10]
    assert {name for name, _ in listing.skipped} == {
        "checkpoint_000005",
        "checkpoint_000006",
        "checkpoint_000007",
        "pins.json",
    }
    with pytest.raises((NoUsableCheckpoint, CheckpointCorrupted)):
        second.open(7)
    assert open_past_damage(second, "latest")[0].name == "checkpoint_000010"


def test_the_path_of_a_mirror_means_what_it_mirrors(
    two_machines: Machines, remote: StorePlace
) -> None:
    first, _ = two_machines
    path = save(first, 10)
    again = CheckpointManager(path.parent)
    assert (again.is_remote, again.shown, again.directory) == (True, remote.shown, first.directory)
    save(again, 20)
    branch = branch_off(again, 10)
    remote.forget()
    first.listing()
    aside = CheckpointManager(branch)
    assert aside.listing().iterations == [20]
    assert aside.open("latest", verify=True) == branch / "checkpoint_000020"
    assert aside.shown == f"{remote.shown}/{branch.name}"
    (first.directory / ".origin").write_text("s3://another/place")
    assert not CheckpointManager(first.directory).is_remote


@pytest.mark.slow
def test_the_demos_shelf(two_machines: Machines, remote: StorePlace) -> None:
    first, _ = two_machines
    save(first, 10, reward_mean=99.0)
    save(first, 20)
    remote.forget()
    shelf = Shelf(remote.given)
    assert (shelf.shown, shelf.listing.iterations) == (remote.shown, [10, 20])
    path = shelf.find("best")
    assert shelf.address(path) == f"{remote.shown}/checkpoint_000010"
    assert Shelf(None).find(remote.given.replace("?", "/checkpoint_000020?")).name == (
        "checkpoint_000020"
    )
    selector = remote.given.replace("?", "/checkpoint_000020?")
    assert home_of(selector, path) == remote.given
