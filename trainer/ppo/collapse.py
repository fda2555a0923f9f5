"""Collapsed policies: reported once when it happens, and noted in every checkpoint from then on.

The thresholds lie far from anything that learns. Over whole runs of the default game, and with 30
times its learning rate, an update moved a policy by 0.001 to 1 nat; learning rates that destroyed
the policy moved it by 14 to 1e12. The entropy of trained policies, near-deterministic ones without
any entropy bonus included, stayed above 0.05 of the largest possible one; that of destroyed ones
fell below 0.0001 within an iteration or two and never came back, since the gradient of a saturated
softmax is 0. All heads count together: one head that always chooses the same may well be right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KL, ENTROPY, MAX_ENTROPY = "update_kl", "update_entropy", "max_entropy"
"""Nats, means over the rows measured: KL(before || after the update), the joint entropy after it,
and the joint entropy of choosing evenly among what is allowed."""

KL_TOO_LARGE, KL_FINE = 5.0, 1.0  # nats of one update: begins above the one, ends below the other
SHARE_TOO_SMALL, SHARE_FINE = 0.001, 0.01  # of the largest entropy: begins below, ends above


class CollapseMonitor:
    """Which policies have collapsed, and since when."""

    def __init__(self) -> None:
        self._collapsed: dict[str, str] = {}
        self._reported: set[str] = set()

    def observe(self, iteration: int, results: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Takes the learner's results by policy; returns a line for each change to report."""
        news = []
        for policy_id in sorted(results):
            learned = results[policy_id]
            if KL not in learned:
                continue  # no policy, but the learner's sums over all of them
            kl, entropy, most = (float(learned[name]) for name in (KL, ENTROPY, MAX_ENTROPY))
            news += self._judge(policy_id, iteration, kl, entropy, most)
        return news

    @property
    def warnings(self) -> list[str]:
        """A text for each policy that is collapsed now."""
        return [self._collapsed[policy_id] for policy_id in sorted(self._collapsed)]

    def state(self) -> dict[str, str]:
        """What `restore` needs to continue as if there had been no break."""
        return dict(self._collapsed)

    def restore(self, state: Mapping[str, str]) -> None:
        """Continues from a `state`; a policy still collapsed is reported once more."""
        self._collapsed = {str(policy_id): str(text) for policy_id, text in state.items()}
        self._reported = set()

    def _judge(
        self, policy_id: str, iteration: int, kl: float, entropy: float, most: float
    ) -> list[str]:
        # Comparisons with nan are false: a policy that was not trained stays what it was.
        if kl > KL_TOO_LARGE or entropy < SHARE_TOO_SMALL * most:
            self._collapsed.setdefault(
                policy_id,
                f"{policy_id} collapsed in iteration {iteration}: one update changed it by "
                f"{kl:.2g} nats of KL, and its entropy is {entropy:.2g} of {most:.2g} nats",
            )
            if policy_id not in self._reported:
                self._reported.add(policy_id)
                return [
                    f"{self._collapsed[policy_id]}. It hardly recovers by itself: "
                    "go back to an older checkpoint, with a lower ppo.lr"
                ]
        elif kl < KL_FINE and entropy > SHARE_FINE * most and policy_id in self._collapsed:
            del self._collapsed[policy_id]
            self._reported.discard(policy_id)
            return [f"{policy_id} has recovered: its entropy is {entropy:.2g} of {most:.2g} nats"]
        return []
