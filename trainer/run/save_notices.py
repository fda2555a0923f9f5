"""Announcing saved checkpoints: one in an object store is saved only once it is there."""

from __future__ import annotations

from trainer.checkpoints.manager import CheckpointManager
from trainer.reporting.console.console import Console
from trainer.run.checkpoint_saver import Saved


class SaveNotices:
    """Announces each committed checkpoint on the console, after its upload if it has one."""

    def __init__(self, manager: CheckpointManager, console: Console) -> None:
        self._manager, self._console = manager, console
        self._unannounced: list[Saved] = []

    def committed(self, saved: Saved) -> None:
        """Announces it, or that it waits for its upload."""
        if saved.trouble:
            self._console.message(saved.trouble, "warning")
        self._unannounced.append(saved)
        self.update()

    def update(self) -> None:
        """Announces those that have arrived; of those still waiting only the newest is named."""
        waiting = set(self._manager.waiting()) if self._manager.is_remote else set()
        late = [saved for saved in self._unannounced if int(saved.row["iteration"]) in waiting]
        for saved in self._unannounced:
            if saved not in late:
                self._console.checkpoint(self._manager.address(saved.path), saved.row)
            elif saved is self._unannounced[-1]:
                text = f"committed locally, waiting for upload: {saved.path}"
                self._console.message(f"{text}  iteration {saved.row['iteration']}", "warning")
        self._unannounced = late
