"""Makes a bucket in an object store that has none yet, such as a new MinIO.

python make_bucket.py BUCKET

The endpoint, the region and the credentials come from the AWS_* variables. The store may still be
starting: it is asked for two minutes. A bucket that exists is left as it is.
"""

from __future__ import annotations

import os
import sys
import time

from pyarrow import fs

WAIT_S = 120
PAUSE_S = 2


def make_bucket(name: str, wait_s: float = WAIT_S) -> None:
    """Makes a bucket unless it is there; OSError if the store refuses or does not answer."""
    store = fs.S3FileSystem(
        endpoint_override=os.environ["AWS_ENDPOINT_URL"],
        region=os.environ.get("AWS_REGION") or "us-east-1",
        allow_bucket_creation=True,
        connect_timeout=5,
        request_timeout=10,
    )
    end = time.monotonic() + wait_s
    while True:
        try:
            store.create_dir(name)
        except OSError as error:
            if time.monotonic() > end:
                raise
            print(f"waiting for the object store: {str(error).splitlines()[0]}", flush=True)
            time.sleep(PAUSE_S)
        else:
            return


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python make_bucket.py BUCKET")
    try:
        make_bucket(sys.argv[1])
    except KeyError as missing:
        sys.exit(f"error: the environment variable {missing.args[0]} is not set")
    except OSError as refused:
        sys.exit(f"error: the bucket {sys.argv[1]} cannot be made: {refused}")
    print(f"the bucket {sys.argv[1]} is there")
