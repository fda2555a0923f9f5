"""Writing session records behind the training.

A thread makes the JSON and writes it; the training only hands the episode over. What comes faster
than the place takes it is left out and counted. Whatever goes wrong with the place, the training
goes on: the first failure is told, and then only that it works again.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from trainer.checkpoints.errors import StoreUnavailable
from trainer.checkpoints.safe_io.redaction import redacted_values
from trainer.config.own_game import OwnGameConfig
from trainer.config.schema import Config
from trainer.episodes import trace
from trainer.episodes.names import RecordName, session_name
from trainer.episodes.record import FORMAT, GAME, MAX_BYTES, MAX_NUMBER, VERSION
from trainer.episodes.store import RecordStore, open_records, unreachable
from trainer.ppo.sampled_episode import SampledEpisode
from trainer.reporting.formatting import plural, size
from trainer.run.identity import RunIdentity
from trainer.shown_commands import module_command, shown_path

_WAITING = 64  # episodes; of a few hundred KB each at most
_CLOSE_S = 30.0
_SLOW = "takes session records more slowly than they come; some are left out"
Notice = tuple[str, str]
"""A message and its level, for the console."""


class SessionRecorder:
    """Records the episodes of one session; nothing is made before the first.

    Attributes:
        written: records written.
        lost: episodes that were asked for and are not recorded.
    """

    def __init__(
        self, config: Config, identity: RunIdentity, store: RecordStore | None = None
    ) -> None:
        """`store`: another one than that of the configuration."""
        settings = config.tracking.sessions
        self._store = store or open_records(settings.uri)[0]
        self._keep = settings.keep
        about = identity.metadata()
        self._about = {
            "run": identity.name,
            "game": config.played.label if isinstance(config, OwnGameConfig) else GAME,
            "seed": config.train.seed,
            **{name: about[name] for name in ("parent", "versions", "git_commit")},
        }
        self._session = ""
        self._numbers: dict[int, int] = {}
        self._queue: queue.Queue[tuple[int, SampledEpisode] | None] = queue.Queue(_WAITING)
        self._notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self._failing = self._told_traces = self._told_slow = False
        self._thread: threading.Thread | None = None
        self.written = self.lost = 0

    @property
    def place(self) -> str:
        """The folder of this session for messages; of all sessions while it has none."""
        return self._store.address(self._session) if self._session else self._store.shown

    def write(self, episodes: Mapping[int, SampledEpisode]) -> None:
        """Hands over episodes by runner; never waits."""
        if self._thread is None and episodes:
            # As a daemon: a store that does not answer must not hold up the end of the process.
            self._thread = threading.Thread(target=self._work, name="sessions", daemon=True)
            self._thread.start()
        for runner, episode in episodes.items():
            self.lost += episode.missed
            try:
                self._queue.put_nowait((runner, episode))
            except queue.Full:
                self.lost += 1
                if not (self._failing or self._told_slow):
                    self._told_slow = True
                    self._notices.put((f"{self._store.shown} {_SLOW}", "warning"))

    def notices(self) -> Iterable[Notice]:
        """What there is to be told since the last call."""
        while not self._notices.empty():
            yield self._notices.get()

    def close(self, patience_s: float = _CLOSE_S) -> None:
        """Waits for what has been handed over, but not for a place that does not answer."""
        if self._thread is None:
            return
        waiting = self._queue.qsize()
        if self._failing:  # another attempt at each would take minutes
            patience_s = min(patience_s, 5.0)
        try:
            self._queue.put(None, timeout=patience_s)
        except queue.Full:
            pass
        else:
            self._thread.join(patience_s)
        if self._thread.is_alive():
            self.lost += waiting
            if not self._failing:
                late = f"did not take the last session records within {patience_s:.0f} s"
                self._notices.put((f"{self._store.shown} {late}", "warning"))
        self._thread = None

    def summary(self) -> str:
        """What has been recorded, and how to look at it; empty: nothing was to be."""
        if not self.written and not self.lost:
            return ""
        lost = f", {self.lost} left out" if self.lost else ""
        told = f"{plural(self.written, 'session record')}{lost}"
        if not self.written:
            return told
        look = module_command("trainer.sessions", ["show", shown_path(self.place)])
        return f"{told}; the last one: {look}"

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            runner, episode = item
            try:
                self._record(runner, episode)
            except (OSError, StoreUnavailable) as error:
                self._note_failure(unreachable(error))
            except Exception as error:  # whatever it is, it must not end a training
                self._note_failure(f"{type(error).__name__}: {error}")
            else:
                self.written += 1
                if self._failing:
                    self._failing = False
                    self._notices.put((f"session records are written again: {self.place}", "info"))

    def _record(self, runner: int, episode: SampledEpisode) -> None:
        if not self._session:
            self._session = self._begin()
        number = self._numbers.get(runner, 0) + 1
        name = RecordName(self._session, number, runner)
        if episode.frames is None and episode.settings == {} and not self._told_traces:
            self._told_traces = True
            self._notices.put((f"session records without a trace: {episode.without}", "warning"))
        self._store.write(name.path, encode(name, episode, self._about))
        self._numbers[runner] = number
        if number > self._keep:
            self._store.delete(RecordName(self._session, number - self._keep, runner).path)

    def _begin(self) -> str:
        """The name of a session that there is none of yet."""
        now, attempt = datetime.now(UTC), 1
        while self._store.holds(name := session_name(now, attempt)):
            attempt += 1
        return name

    def _note_failure(self, reason: str) -> None:
        self.lost += 1
        if not self._failing:
            self._failing = True
            text = f"session records cannot be written to {self._store.shown}: {reason}"
            self._notices.put((f"{text}\nTraining goes on without them until they can", "warning"))


def encode(name: RecordName, episode: SampledEpisode, about: Mapping[str, Any]) -> bytes:
    """The record of an episode, of at most `MAX_BYTES`: what is larger goes without its trace.

    Args:
        name: which record it is.
        episode: what was sampled.
        about: what is known of the run.
    """
    found = None if episode.frames is None else trace.encode(episode.frames)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "session": name.session,
        "worker": name.worker,
        "episode": name.episode,
        "world": episode.world,
        "iteration": episode.iteration,
        **about,
        **episode.place,
        "stretches": [asdict(stretch) for stretch in episode.stretches],
        "statistics": {key: _number(value) for key, value in episode.statistics.items()},
        "rewards": {team: _numbers(sums.tolist()) for team, sums in episode.rewards.items()},
        "settings": dict(episode.settings),
        "without": episode.without,
    }
    document = redacted_values(document)
    content = _json({**document, "trace": found})
    if len(content) > MAX_BYTES and found is not None:
        why = f"it would make the record larger than {size(MAX_BYTES)}"
        content = _json({**document, "trace": None, "without": why})
    return content


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _number(value: float) -> float | None:
    return value if abs(value) <= MAX_NUMBER else None  # a nan is not


def _numbers(values: Sequence[float]) -> list[float | None]:
    return [_number(value) for value in values]
