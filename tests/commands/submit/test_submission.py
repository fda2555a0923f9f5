"""What is checked before a job is sent: the address, the environment, the code, the training."""

from __future__ import annotations

import contextlib
import http.server
import importlib.util
import json
import socketserver
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden_checkpoint import golden_in
from trainer.commands.submit import package as packages
from trainer.commands.submit.address import dashboard_address
from trainer.commands.submit.main import main, parse_args
from trainer.commands.submit.package import Package
from trainer.commands.submit.submission import submit
from trainer.commands.submit.training import Job, check_training
from trainer.commands.submit.variables import Mask, parse_variables, shown_variables
from trainer.config.types import ConfigError
from trainer.errors import UsageError


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS", "RESTORE_CHECKPOINT", "RAY_WORKERS"):
        monkeypatch.delenv(name, raising=False)


def test_the_address_is_the_typed_one_else_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert dashboard_address(None) == "http://127.0.0.1:8265"
    monkeypatch.setenv("RAY_ADDRESS", "http://a:8265/")
    assert dashboard_address(None) == "http://a:8265"
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "https://b")
    assert dashboard_address(None) == "https://b"
    assert dashboard_address("c:1") == "http://c:1"
    assert (
        dashboard_address("127.0.0.1") == dashboard_address("127.0.0.1/") == "http://127.0.0.1:8265"
    )
    assert dashboard_address("http://ingress") == "http://ingress"


@pytest.mark.parametrize("address", ["ray://head:10001", "http://", "http://head:x"])
def test_what_is_no_dashboard_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match=r"--address .*http://(head|HOST):8265"):
        dashboard_address(address)


def test_rays_own_address_is_not_the_dashboards(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, host in (("10.0.0.1:6379", "10.0.0.1"), ("auto", "HOST")):
        monkeypatch.setenv("RAY_ADDRESS", text)
        with pytest.raises(
            UsageError, match=rf"RAY_ADDRESS {text} .* --address http://{host}:8265"
        ):
            dashboard_address(None)


def test_variables_are_given_or_taken_from_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "a=b")
    assert parse_variables(["X=1=2", "MINE", "EMPTY="]) == {"X": "1=2", "MINE": "a=b", "EMPTY": ""}
    for wrong, text in (("1X=2", "expected NAME=VALUE"), ("ABSENT", "no such variable in this")):
        with pytest.raises(UsageError, match=text):
            parse_variables([wrong])


def test_values_of_the_environment_are_shown_only_where_they_are_no_secrets() -> None:
    given = {
        "AWS_SECRET_ACCESS_KEY": "s3same",
        "OTHER": "plain words",
        "RAY_WORKERS": "25",
        "RESTORE_CHECKPOINT": "s3://me:s3same@bucket/checkpoint_000010",
        "RAY_JOB_STOP_WAIT_TIME_S": "120",
    }
    assert shown_variables(given) == (
        "AWS_SECRET_ACCESS_KEY=*** OTHER=*** RAY_WORKERS=25 "
        "RESTORE_CHECKPOINT=s3://***@bucket/checkpoint_000010"
    )
    assert Mask(given)("found s3same of plain words") == "found *** of plain words"


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_the_code_travels_without_what_training_writes(tmp_path: Path) -> None:
    kernel = "envs/__pycache__/a.step-1.py311.nbi"
    policy = "trainer/shipped/checkpoint_001000/a.json"
    code = ("main.py", "config.yaml", "envs/a.py", kernel, policy)
    left = (".git/x", ".venv/bin/python", "checkpoints/checkpoint_000010/a", "runs/events", "x.png")
    also = ("tests/test_a.py", "envs/__pycache__/a.pyc", "mine/checkpoint_000005/a", "data/b.bin")
    write(tmp_path, *code, *left, *also)
    (tmp_path / "link").symlink_to("/")
    package = Package.of(tmp_path, ["data"])
    assert sorted(package.files) == sorted(code)
    assert package.holds(Path("config.yaml"))
    assert not package.holds(Path("tests/test_a.py"))
    assert not package.holds(tmp_path.parent / "other.yaml")
    archives = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for archive in archives:
        package.write(archive)
    assert (
        archives[0].read_bytes() == archives[1].read_bytes()
    )  # an unchanged one is not sent again
    with zipfile.ZipFile(archives[0]) as file:
        assert sorted(file.namelist()) == sorted(code)
        assert file.read("envs/a.py") == b"envs/a.py"


def test_too_much_is_refused_with_the_largest_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "LIMIT", 1000)
    write(tmp_path, "main.py")
    for name, count in (("films/a", 900), ("music/b", 200)):
        write(tmp_path, name)
        (tmp_path / name).write_bytes(b"x" * count)
    with pytest.raises(UsageError, match=r"1\.1 KB are more than .* films 900 B, music 200 B"):
        Package.of(tmp_path)
    assert list(Package.of(tmp_path, ["films"]).files) == ["main.py", "music/b"]
    with pytest.raises(UsageError, match="no such folder"):
        Package.of(tmp_path / "absent")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    write(tmp_path, "main.py", "tests/mine.yaml")
    (tmp_path / "config.yaml").write_text("ppo: {checkpoint_dir: s3://bucket/runs/a}\n")
    return Job(tmp_path, Package.of(tmp_path), {}, shares_files=False)


def with_variables(job: Job, **variables: str) -> Job:
    return Job(job.folder, job.package, variables, job.shares_files)


def test_a_training_that_can_run_is_not_spoken_of(job: Job) -> None:
    assert check_training(["--resume", "auto", "--iterations", "5"], job) == []
    fetched = with_variables(job, RESTORE_CHECKPOINT="s3://bucket/runs/b/checkpoint_000150")
    assert check_training(["--iterations", "5", "--set", "ppo.lr=0.001"], fetched) == []
    assert check_training(["--config", "L1", "--checkpoint-dir", "/volume/a"], job) == []


def test_the_help_on_the_options_is_that_of_main(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        check_training(["--help"], job)
    assert capsys.readouterr().out.startswith("usage: main.py [options]")


def test_mistakes_in_the_options_are_told_here(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        check_training(["--itrations", "5"], job)
    assert left.value.code == 2
    assert "here it is: --iterations 5" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"nearest: ppo\.lr"):
        check_training(["--set", "ppo.lrr=1"], job)
    with pytest.raises(UsageError, match="RAY_WORKERS = 'many'"):
        check_training([], with_variables(job, RAY_WORKERS="many"))
    with pytest.raises(UsageError, match="not among those that are shipped"):
        check_training(["--config", "tests/mine.yaml"], job)
    with pytest.raises(UsageError, match=r"--env RESTORE_CHECKPOINT: .*regoin"):
        check_training(
            [], with_variables(job, RESTORE_CHECKPOINT="s3://b/checkpoint_000001?regoin=a")
        )


def test_credentials_do_not_belong_into_the_command(job: Job) -> None:
    url = "s3://me:s3same@bucket/x/checkpoint_000001"
    for words, variables in ((["--checkpoint-dir", url], {}), ([], {"RESTORE_CHECKPOINT": url})):
        with pytest.raises(UsageError, match=r"\*\*\*@bucket.*Ray shows the command") as refused:
            check_training(words, with_variables(job, **variables))
        assert "s3same" not in str(refused.value)


@pytest.mark.parametrize(
    "words",
    [
        ["main.py", "--iterations", "3"],
        ["python", "main.py", "--fresh"],
        ["python3", "/app/main.py"],
        ["--resume", "latest", "--checkpoint-dir", "./checkpoints_x"],
        ["--resume", "mine", "--checkpoint-dir", "checkpoints"],
        ["--warmstart", "3", "--set", "ppo.checkpoint_dir=./checkpoints"],
    ],
    ids=" ".join,
)
def test_what_can_never_work_is_not_sent(job: Job, words: list[str]) -> None:
    why = "is looked for in .* no checkpoints are shipped" if words[0][0] == "-" else "stand the o"
    with pytest.raises(UsageError, match=why):
        check_training(words, job)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "--address http://h:1 --iterations 4 --checkpoint-dir s3://b/a",
            "options of main.py stand after --; here it is: python -m trainer.submit "
            "--address http://h:1 -- --iterations 4 --checkpoint-dir s3://b/a",
        ),
        ("--set env.level=L1 -- --fresh", "trainer.submit -- --set env.level=L1 --fresh"),
        ("s3://b/a/checkpoint_000001 --until=9", "trainer.submit -- s3://b/a/checkpoint_000001 --"),
        ("--lr 0.1", "no such option: --lr; here it is: python -m trainer.submit -- --set ppo.lr="),
        ("--adress http://h:1", "no such option: --adress; here it is: --address http://h:1"),
        ("stat", "no such form: stat; did you mean 'status'?"),
        ("--address http://h:1 log x", "no such form: log; did you mean 'logs'?"),
        ("--submission-id a/b -- --fresh", "expected letters, digits, '_', '-' and '.'"),
        ("--submission-id a\x1b[31m", "it becomes a part of URLs: 'a\\x1b[31m'"),
    ],
)
def test_options_at_the_wrong_place_are_told_the_right_one(
    words: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        parse_args(words.split())
    assert left.value.code == 2
    assert told in capsys.readouterr().err


def test_a_form_may_follow_the_address() -> None:
    args = parse_args(["--address", "http://h:1", "status", "x", "--json"])
    assert (args.form, args.job, args.address, args.json) == ("status", "x", "http://h:1", True)
    args = parse_args(["--env", "list", "--", "--fresh"])
    assert (args.form, args.env, args.training) == ("submit", ["list"], ["--fresh"])


def test_what_the_cluster_does_not_see_or_keep(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    (lost,) = check_training(["--checkpoint-dir", "./mine"], job)
    assert "checkpoints in ./mine lie in the job's own copy" in lost
    stays = ["--checkpoint-dir", "s3://bucket/a", "--set", "tracking.sessions.every=10"]
    (lost,) = check_training(stays, job)
    assert "session records in ./sessions lie in the job's own copy" in lost
    assert check_training([*stays, "--set", "tracking.sessions.uri=s3://bucket/s"], job) == []
    url = "s3://bucket/a/checkpoint_000004"
    (job.folder / "config.yaml").write_text("ppo: {checkpoint_dir: ./mine}\n")
    assert check_training([url, "--iterations", "2"], job) == []  # it goes on in that place
    (lost,) = check_training(["--warmstart", url, "--iterations", "2"], job)
    assert "checkpoints in ./mine lie in the job's own copy" in lost
    (job.folder / "config.yaml").write_text("ppo: {checkpoint_dir: s3://bucket/a}\n")
    there = golden_in(job.folder / "checkpoints")
    (unseen,) = check_training(
        ["--iterations", "9"], with_variables(job, RESTORE_CHECKPOINT=str(there))
    )
    assert f"--env RESTORE_CHECKPOINT = {there} has to exist on the node" in unseen
    near = Job(job.folder, job.package, {"RESTORE_CHECKPOINT": str(there)}, shares_files=True)
    assert check_training(["--iterations", "9"], near) == []
    with pytest.raises(UsageError, match=r"--resume = \./checkpoints/checkpoint_000003: a rel"):
        check_training(["--resume", "./checkpoints/checkpoint_000003"], job)
    monkeypatch.setenv("RESTORE_CHECKPOINT", "latest")
    (left,) = check_training([], job)
    assert left.startswith("RESTORE_CHECKPOINT of this shell does not travel")


def test_a_dry_run_shows_what_would_be_sent(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--working-dir", str(job.folder), "--dry-run", "--env", "MY_TOKEN=s3same", "--"]
    assert main([*words, "--resume", "auto", "--run-name", "a b"]) == 0
    told = capsys.readouterr()
    assert "command:      python main.py --resume auto --run-name 'a b'\n" in told.out
    assert "environment:  MY_TOKEN=***\n" in told.out
    assert "code:         2 files" in told.out
    assert "Ray shows MY_TOKEN in plain text" in told.err
    assert "s3same" not in told.out + told.err
    args = parse_args(["--name", "x", "--", "--fresh", "--", "y"])
    assert (args.form, args.training) == ("submit", ["--fresh", "--", "y"])


def test_a_folder_without_the_program_is_not_sent(tmp_path: Path) -> None:
    write(tmp_path, "credentials")
    with pytest.raises(UsageError, match=r"--working-dir .*: there is no main\.py in it"):
        submit(parse_args(["--working-dir", str(tmp_path), "--dry-run", "--", "--fresh"]))


def test_code_without_compiled_kernels_is_told_of(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--working-dir", str(job.folder), "--dry-run", "--", "--resume", "auto"]
    assert main(words) == 0
    assert "no kernels" not in capsys.readouterr().err  # of a folder without the project
    write(job.folder, "envs/jit.py")
    assert main(words) == 0
    assert "warning: no kernels are compiled here: the job compiles" in capsys.readouterr().err
    write(job.folder, "envs/__pycache__/a.step-1.py311.nbi")
    assert main(words) == 0  # a demo compiles the game
    assert "warning: no kernels are compiled here: the job compiles" in capsys.readouterr().err
    write(job.folder, "trainer/engine/__pycache__/a.step-1.py311.nbi")
    assert main(words) == 0
    assert "no kernels" not in capsys.readouterr().err


def test_the_value_that_matters_is_shown_in_full(job: Job) -> None:
    path = f"/tmp/ray/session_2026-11-22_13-05-24_123456/{'a' * 90}/checkpoint_000150"
    assert shown_variables({"RESTORE_CHECKPOINT": path}) == f"RESTORE_CHECKPOINT={path}"


class _OtherServer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"hello": 1}).encode() if self.server.speaks_json else b"<html>"  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Silence."""


@contextlib.contextmanager
def other_server(*, speaks_json: bool) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _OtherServer) as server:
        server.speaks_json = speaks_json  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_an_address_without_a_dashboard_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for speaks_json in (True, False):
        with other_server(speaks_json=speaks_json) as address:
            assert main(["list", "--address", address]) == 1
        told = capsys.readouterr().err
        assert told.startswith(f"error: what answers at {address} is no dashboard of Ray")
    assert main(["status", "x", "--address", address]) == 1
    assert capsys.readouterr().err.startswith(f"error: no dashboard of Ray at {address}: is the")


class _NoHttp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the other side may hang up first
            self.request.recv(64)
            self.request.sendall(self.server.says)  # type: ignore[attr-defined]
            self.request.recv(64)


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (b"SSH-2.0-server\r\n", "what answers at http://{} does not speak HTTP; jobs are "),
        (bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]), "http://{} is an address of Ray itself; jobs are "),
    ],
)
def test_what_does_not_speak_http_is_told_as_such(
    says: bytes, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _NoHttp) as server:
        server.says = says  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"127.0.0.1:{server.server_address[1]}"
        assert main(["list", "--address", place]) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"error: {told.format(place)}")
        assert error.endswith("dashboard: --address http://127.0.0.1:8265\n")
        server.shutdown()


def test_without_rays_client_the_requirements_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer.commands.submit import jobs

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install -r requirements-cluster\.txt"):
        importlib.reload(jobs)
