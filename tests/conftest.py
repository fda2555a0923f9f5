"""One torch thread: two threads that wait for each other crawl when tests share the cores."""

import os

os.environ["OMP_NUM_THREADS"] = "1"
