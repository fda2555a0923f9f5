"""From what a user types to a place: URLs, their options, and what is never printed."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.fakes import WHEN, save
from tests.checkpoints.object_store import KEYS
from trainer.checkpoints import open_store
from trainer.checkpoints.errors import CheckpointsInUse, NoUsableCheckpoint, StoreUnavailable
from trainer.checkpoints.locks import writer_lock
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.remote import client, location
from trainer.checkpoints.remote.location import Location, parse, remember
from trainer.commands.checkpoint_tools import main as program

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ("a b/c", "{cwd}/a b/c"),
        ("~/a b", "{home}/a b"),
        ("file:///data/a%20b", "/data/a b"),
        ("file://localhost/data", "/data"),
        ("file:///data/a b", "/data/a b"),
    ],
)
def test_local_places(
    given: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/some one")
    expected = Path(folder.format(cwd=tmp_path, home="/home/some one"))
    assert parse(given) == expected
    manager = CheckpointManager(given)
    assert (manager.directory, manager.is_remote) == (expected, False)


def test_a_file_url_is_the_folder_itself(tmp_path: Path) -> None:
    manager = CheckpointManager(f"file://{tmp_path}/my%20runs")
    path = save(manager, 10)
    assert path == tmp_path / "my runs" / "checkpoint_000010"
    assert CheckpointManager(tmp_path / "my runs").listing().iterations == [10]


@pytest.mark.parametrize(
    ("given", "path", "options"),
    [
        ("s3://bucket", "bucket", {}),
        ("s3://bucket/", "bucket", {}),
        ("s3://my.bucket-1//a b/./c/", "my.bucket-1/a b/c", {}),
        ("s3://bucket/a%20b?region=eu-west-1", "bucket/a b", {"region": "eu-west-1"}),
        (
            "s3://bucket/x?endpoint_override=http://host:9000/",
            "bucket/x",
            {"endpoint_override": "host:9000", "scheme": "http"},
        ),
        (
            "s3://key:se%2Fcret@bucket/x?anonymous=false",
            "bucket/x",
            {"access_key": "key", "secret_key": "se/cret", "anonymous": "false"},
        ),
        (
            "gs://anonymous@bucket/x?scheme=http",
            "bucket/x",
            {"anonymous": "true", "scheme": "http"},
        ),
    ],
)
def test_remote_places(given: str, path: str, options: dict[Any, Any]) -> None:
    place = parse(given)
    assert isinstance(place, Location)
    assert (place.path, dict(place.options)) == (path, options)
    assert place.url == f"{given[:2]}://{path}"
    assert not any(value in repr(place) + place.url for value in options.values())


def test_the_endpoint_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")
    found = parse("s3://bucket/x")
    assert isinstance(found, Location)
    assert found.options == {"scheme": "http", "endpoint_override": "127.0.0.1:5000"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("ftp://host/x", "ftp:// is not a known kind of place; known are file://, s3://, gs:// "),
        ("s3n://bucket/x", "s3n:// is not a known kind of place"),
        ("s3://", "s3:// needs a bucket"),
        ("s3:///x", "s3:// needs a bucket"),
        ("s3://bucket/a/../../b", "no folder could be called"),
        ("s3://bucket/x?regoin=a", "unknown option 'regoin'; did you mean 'region'?"),
        ("s3://bucket/x#y", "cannot have a '#'"),
        ("gs://key:secret@bucket/x", "what stands before the bucket is not understood"),
        ("file://data/x", "names an absolute local path"),
        (Path("s3://bucket/x"), "give it as text"),
    ],
)
def test_what_is_not_understood_is_told(
    given: Path | str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        CheckpointManager(given)
    assert "secret" not in str(caught.value)
    if isinstance(given, str):
        assert program.main(["verify", "--checkpoint-dir", given]) == 2
        assert told in capsys.readouterr().err


def test_the_address_of_a_checkpoint_has_a_folder_and_a_name() -> None:
    assert open_store.split_url("s3://b/a/checkpoint_000010?region=x") == (
        "s3://b/a?region=x",
        "checkpoint_000010",
    )
    assert open_store.split_url(" s3://b/checkpoint_000010/ ") == ("s3://b", "checkpoint_000010")
    with pytest.raises(NoUsableCheckpoint, match="the URL names a bucket"):
        open_store.split_url("s3://bucket")
    assert open_store.is_url("s3://x/y")
    assert not open_store.is_url("file:///x")
    assert not open_store.is_url(Path("s3://x"))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("./a?b@c", "./a?b@c"),
        ("s3://bucket/a b?region=x", "s3://bucket/a b"),
        ("s3://key:secret@bucket/a@b?x=y?z", "s3://bucket/a@b"),
        ("s3:/key:secret@bucket/a", "s3://bucket/a"),
    ],
)
def test_what_a_user_gave_for_messages(
    given: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert open_store.shown_place(given) == shown
    with pytest.raises(SystemExit):
        program.main(["prune", given, "--checkpoint-dir", "elsewhere"])
    assert f"two directories given: {shown} and elsewhere" in capsys.readouterr().err


def test_google_storage_is_the_same_code() -> None:
    pyarrow_fs = pytest.importorskip("pyarrow.fs")
    place = parse("gs://anonymous@bucket/a b?scheme=http&endpoint_override=127.0.0.1:1")
    assert isinstance(place, Location)
    found = client.open_filesystem(place, client.PATIENCE)
    assert isinstance(found, pyarrow_fs.GcsFileSystem)


@pytest.mark.slow
def test_google_storage_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE", client.Patience(0.1, 0.1, attempts=1, pause_s=0.1))
    manager = CheckpointManager(
        "gs://anonymous@bucket/a b?scheme=http&endpoint_override=127.0.0.1:1"
    )
    with pytest.raises(StoreUnavailable, match="gs://bucket/a b cannot be used") as caught:
        manager.listing()
    assert len(str(caught.value).splitlines()) == 2


def test_no_bucket_no_key_no_server_are_two_lines(
    s3: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = f"?endpoint_override=127.0.0.1:{s3}&scheme=http&region=us-east-1"
    nowhere = "?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1"
    for given, told in (
        (f"s3://no-such-bucket/x{options}", "there is no bucket 'no-such-bucket'"),
        (f"s3://k3y:s3cret@bucket/x{nowhere}", "s3://bucket/x cannot be used: "),
        ("s3://bucket/x?scheme=gopher&region=us-east-1", "s3://bucket/x cannot be used: "),
    ):
        assert program.main(["verify", "--checkpoint-dir", given]) == 1
        err = capsys.readouterr().err
        assert told in err
        assert len(err.splitlines()) == 2
        assert not any(word in err for word in ("Traceback", "region=", "k3y", "s3cret"))
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    assert program.main(["verify", "--checkpoint-dir", f"s3://no-such-bucket/x{options}"]) == 1


def test_a_local_folder_never_loads_the_client(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from tests.checkpoints.fakes import save\n"
        "from trainer.checkpoints.manager import CheckpointManager\n"
        "manager = CheckpointManager(sys.argv[1], 1)\n"
        "save(manager, 1); save(manager, 2); manager.open_or_older('latest')\n"
        "assert 'pyarrow' not in sys.modules\n"
        "CheckpointManager('s3://bucket/x')\n"
        "assert 'pyarrow' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)


def test_what_is_copied_from_a_store_is_shown_by_its_url_also_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHECKPOINT_CACHE", str(tmp_path / "cache"))
    place = parse("s3://me:s3cret@bucket/runs/a?region=x")
    assert isinstance(place, Location)
    copy = place.mirror / "checkpoint_000004"
    copy.mkdir(parents=True)
    remember(place)
    for other in ("s3://bucket/runs/b", str(tmp_path / "local")):
        assert CheckpointManager(other).address(copy) == "s3://bucket/runs/a/checkpoint_000004"
    assert location.address_of(copy) == "s3://bucket/runs/a/checkpoint_000004"
    assert location.address_of(tmp_path) == str(tmp_path)


def test_a_place_in_use_on_this_machine_is_named_by_its_url(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHECKPOINT_CACHE", str(tmp_path / "cache"))
    manager = CheckpointManager("s3://bucket/runs/a")
    with writer_lock(manager.directory, WHEN):
        for refused in (manager.check_free, manager.writer_lock().__enter__):
            with pytest.raises(CheckpointsInUse, match=r"^s3://bucket/runs/a is in use by process"):
                refused()
