"""A real S3 endpoint for the tests: a moto server in a process of its own, and lines that fail."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
}
BUCKET = "bucket"
HAS_MOTO = importlib.util.find_spec("moto") is not None
MISSING = "moto is not installed: pip install -r requirements-dev.txt"


@contextlib.contextmanager
def moto() -> Iterator[int]:
    """A server on a free port of the loopback, with one bucket."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **KEYS}
    )
    try:
        wait_for(port, process)
        filesystem(port).create_dir(BUCKET)
        yield port
    finally:
        process.kill()
        process.wait()


def url(port: int, prefix: str) -> str:
    """The address of a prefix on such a server."""
    return f"s3://{BUCKET}/{prefix}?endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"


def filesystem(port: int) -> Any:
    """The server as pyarrow sees it, past everything that is tested."""
    from pyarrow import fs

    return fs.S3FileSystem(
        access_key=KEYS["AWS_ACCESS_KEY_ID"],
        secret_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        endpoint_override=f"127.0.0.1:{port}",
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
    )


class Bucket:
    """The objects below one prefix, to look at and to tamper with."""

    def __init__(self, port: int, prefix: str) -> None:
        self.fs, self.root = filesystem(port), f"{BUCKET}/{prefix}"

    def names(self) -> list[str]:
        """The names of all objects, sorted."""
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self.root, recursive=True, allow_not_found=True)
        found = [i for i in self.fs.get_file_info(selector) if i.type == FileType.File]
        return sorted(info.path[len(self.root) + 1 :] for info in found)

    def checkpoints(self) -> list[str]:
        """What lies directly below the prefix, and what has a manifest."""
        heads = {name.rpartition("/")[0] for name in self.names() if name.endswith("manifest.json")}
        return sorted(heads)

    def read(self, name: str) -> bytes:
        with self.fs.open_input_stream(f"{self.root}/{name}") as stream:
            return bytes(stream.read())

    def write(self, name: str, content: bytes) -> None:
        with self.fs.open_output_stream(f"{self.root}/{name}") as stream:
            stream.write(content)

    def delete(self, name: str) -> None:
        self.fs.delete_file(f"{self.root}/{name}")


class Line:
    """A TCP line to a server that can be cut: after some bytes towards it, or for good."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.allowed: int | None = None  # bytes that still pass towards the server; None: all
        self.cuts = 0
        self.mend_after: int | None = None  # how many cuts until everything passes again
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()  # connections are cut one after the other
        threading.Thread(target=self._serve, daemon=True).start()

    def cut_after(self, count: int, times: int | None = None) -> None:
        """From now on close connections once that many bytes went to the server."""
        with self._lock:
            self.allowed, self.cuts, self.mend_after = count, 0, times

    def mend(self) -> None:
        self.allowed = None

    def close(self) -> None:
        self._server.close()
        for end in self._open:
            end.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                with contextlib.suppress(OSError):
                    far = socket.create_connection(("127.0.0.1", self._target))
                    self._open += [near, far]
                    for ends in ((near, far, True), (far, near, False)):
                        threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, towards: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                passing = self._passing(len(piece)) if towards else len(piece)
                sink.sendall(piece[:passing])
                if passing < len(piece):
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _passing(self, count: int) -> int:
        """How many of the next bytes towards the server pass; if not all do, it is cut there."""
        with self._lock:
            if self.allowed is None or count <= self.allowed:
                self.allowed = None if self.allowed is None else self.allowed - count
                return count
            passing, self.allowed = self.allowed, 0
            self.cuts += 1
            if self.mend_after is not None and self.cuts >= self.mend_after:
                self.allowed = None
            return passing


@contextlib.contextmanager
def read_only(port: int) -> Iterator[int]:
    """A server in front of the other one that refuses every change, as missing permissions do."""
    denied = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content, headers = 403, denied, dict[str, str]()
            if self.command in ("GET", "HEAD"):
                line = http.client.HTTPConnection("127.0.0.1", port)
                line.request(self.command, self.path, body, dict(self.headers))
                found = line.getresponse()
                status, content, headers = found.status, found.read(), dict(found.getheaders())
                line.close()
            self.send_response_only(status)
            headers.setdefault("Content-Length", str(len(content)))
            for key, value in headers.items():
                if key.lower() not in ("connection", "transfer-encoding"):
                    self.send_header(key, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        assert process.poll() is None, "the moto server did not start"
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    raise AssertionError("the moto server does not answer")
