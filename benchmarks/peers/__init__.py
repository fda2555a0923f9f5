"""Other trainers on the same game and settings; see `python -m benchmarks.peers --help`."""
