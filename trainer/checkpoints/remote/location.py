"""The location of checkpoints: a local folder, or a prefix of a bucket.

    ./checkpoints   ~/runs/a b   file:///data/a%20b       a local folder
    s3://bucket/prefix?endpoint_override=host:9000&scheme=http&region=us-east-1
    gs://bucket/prefix?anonymous=true

The query takes the options of `pyarrow.fs.FileSystem.from_uri`. Credentials come from the usual
environment variables and files, or precede the bucket (s3://key:secret@bucket/prefix). Neither
options nor credentials are ever printed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from trainer.checkpoints import atomic, layout
from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.safe_io.did_you_mean import did_you_mean
from trainer.checkpoints.safe_io.redaction import has_credentials, redacted, without_credentials

SCHEMES = ("file", "s3", "gs")
OPTIONS = {
    "s3": ("endpoint_override", "region", "scheme", "anonymous"),
    "gs": ("endpoint_override", "scheme", "anonymous"),
}
ORIGIN = ".origin"  # in a mirror: the URL of what it mirrors
CACHE_VARIABLE = "CHECKPOINT_CACHE"
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_PROJECT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Location:
    """A prefix of a bucket, which may be empty; `options` are never shown."""

    scheme: str
    bucket: str
    prefix: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        """The address for messages, without options and credentials."""
        return f"{self.scheme}://{self.path}"

    @property
    def path(self) -> str:
        """Bucket and prefix, as pyarrow names them."""
        return f"{self.bucket}/{self.prefix}" if self.prefix else self.bucket

    @property
    def mirror(self) -> Path:
        """The local folder that mirrors it; that of a branch is inside that of its parent."""
        endpoint = self.options.get("endpoint_override", "")
        digest = hashlib.sha256(endpoint.encode()).hexdigest()[:8]
        store = f"{self.scheme}-{digest}" if endpoint else self.scheme
        return cache_root().joinpath(store, *self.path.split("/"))


def is_url(text: str) -> bool:
    """Whether a text is an address in an object store; `file://` is a local folder."""
    return "://" in text and not text.startswith("file://")


def without_options(text: str) -> str:
    """The text for a message: a URL loses its query and its credentials."""
    if ":/" not in text:
        return text
    return without_credentials(re.sub(r":/+[^/]*@", "://", text.partition("?")[0]))


def parse(given: str | os.PathLike[str]) -> Path | Location:
    """The absolute local folder or the location in an object store that a text names.

    Raises:
        ValueError: an unknown scheme or option; the message names the valid ones.
    """
    text = os.fspath(given)
    if "://" not in text:
        lost = re.match(r"(file|s3|gs):/", text)
        if lost:
            shown, way = without_options(text), "give it as text, for a Path drops a slash"
            way = f"write {lost[1]}://" if isinstance(given, str) else way
            raise ValueError(f"{shown!r} is meant as a URL; {way}")
        return Path(text).expanduser().absolute()
    scheme = text.partition("://")[0]
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise ValueError(
            f"{safe_json.shown(scheme)}:// is not a known kind of place; known are {known} "
            "and local paths"
        )
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise ValueError(f"{scheme}:// URL is not well formed: {error}") from None
    if parts.fragment:
        raise ValueError(f"a {scheme}:// URL cannot have a '#'; write %23")
    return _local(parts) if scheme == "file" else _remote(parts)


def cache_root() -> Path:
    """The folder of all mirrors: $CHECKPOINT_CACHE, else `checkpoints` in `cache_home`."""
    given = os.environ.get(CACHE_VARIABLE, "")
    if "://" in given:
        raise ValueError(f"{CACHE_VARIABLE} is a URL; local copies need a local folder")
    return Path(given).expanduser().absolute() if given else cache_home() / "checkpoints"


def cache_home() -> Path:
    """The folder for caches: `.cache` of a checkout, else one in $XDG_CACHE_HOME."""
    if (_PROJECT / "pyproject.toml").is_file():
        return _PROJECT / ".cache"
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))  # a relative one is to be ignored
    base = given if given.is_absolute() else Path("~/.cache").expanduser()
    return base / "hide-and-seek-trainer"


def mirrored_at(folder: Path) -> Location | None:
    """The location in an object store that a local folder mirrors; None: it is no mirror."""
    try:
        root = cache_root()
    except ValueError:  # nothing can be mirrored there
        return None
    if not folder.is_relative_to(root):
        return None
    for above in (folder, *folder.parents):
        with contextlib.suppress(OSError, ValueError):
            place = parse(safe_json.read_bytes(above / ORIGIN).decode().strip())
            if isinstance(place, Location) and place.mirror == above:
                inside = folder.relative_to(above).as_posix()
                return replace(place, prefix=f"{place.prefix}/{inside}".removesuffix("/."))
        if above == root:
            break
    return None


def address_of(path: Path) -> str:
    """A local path for messages; the URL, without its options, of what it is a copy of."""
    place = mirrored_at(path)
    return str(path) if place is None else place.url


def remember(place: Location) -> None:
    """Records in the mirror what it mirrors: the URL with its options, without credentials."""
    path = place.mirror / ORIGIN
    if place.mirror.is_dir() and not path.exists():
        secret = ("access_key", "secret_key")
        options = {key: value for key, value in place.options.items() if key not in secret}
        address = f"{place.scheme}://{quote(place.path)}"
        atomic.write_text(path, address + (f"?{urlencode(options)}" if options else "") + "\n")


def _local(parts: SplitResult) -> Path:
    if parts.netloc not in ("", "localhost") or parts.query or not parts.path:
        raise ValueError("a file:// URL names an absolute local path: file:///data/checkpoints")
    return Path(unquote(parts.path)).absolute()


def _remote(parts: SplitResult) -> Location:
    credentials, _, bucket = parts.netloc.rpartition("@")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", bucket):
        raise ValueError(f"{parts.scheme}:// needs a bucket: {parts.scheme}://bucket/prefix")
    prefix = str(PurePosixPath("/", unquote(parts.path))).strip("/")
    if prefix and not layout.is_safe_name(prefix):
        raise ValueError(
            f"{parts.scheme}://{bucket}: the prefix has a part that no folder could be called"
        )
    options = {}
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key not in OPTIONS[parts.scheme]:
            meant = did_you_mean(key, OPTIONS[parts.scheme])
            raise ValueError(
                f"{parts.scheme}://{bucket} has an unknown option {safe_json.shown(key)!r}{meant}"
            )
        options[key] = value
    options |= _credentials(parts.scheme, credentials)
    return Location(parts.scheme, bucket, prefix, _with_endpoint(parts.scheme, options))


def _credentials(scheme: str, text: str) -> dict[str, str]:
    if not text:
        return {}
    if text == "anonymous":
        return {"anonymous": "true"}
    key, colon, secret = text.partition(":")
    if scheme != "s3" or not colon:
        raise ValueError(f"{scheme}://...@bucket: what stands before the bucket is not understood")
    return {"access_key": unquote(key), "secret_key": unquote(secret)}


def _with_endpoint(scheme: str, options: dict[str, str]) -> dict[str, str]:
    """The options with the endpoint from the query or the environment, without its scheme."""
    named = (os.environ.get(name, "") for name in _ENDPOINT_VARIABLES if scheme == "s3")
    endpoint = options.get("endpoint_override") or next(filter(None, named), "")
    if has_credentials(f"//{endpoint.rpartition('://')[2]}"):
        raise ValueError(
            f"{scheme}:// endpoint {redacted(endpoint)!r}: credentials cannot stand in an "
            "endpoint; use the AWS_* variables"
        )
    if not endpoint:
        return options
    over, separator, host = endpoint.rpartition("://")
    given = {"scheme": over} if separator else {}
    return given | options | {"endpoint_override": host.rstrip("/")}
