"""A plan on paper: an iteration of many env runners and learners, from costs measured on a few.

Every runner and every learner is a machine of its own. The process that runs the loop sends and
receives one message after the other; a learner's network link carries one rollout after the other;
an update begins when all learners have their shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Costs:
    """What was measured, seconds and bytes.

    Attributes:
        sample_s: of rollouts, one value each; runners take them in turn, so that some are slower.
        learn_s: of the update from one runner's rollout on one learner.
        step_s: that every further learner adds to every gradient step: gradients are summed round
            a ring, which takes as many messages more.
        gradient_steps: of an iteration.
        message_s: that a call of an actor and its answer take the process that runs the loop.
        rollout_bytes: of one rollout.
        weights_bytes: of all policies.
        copy_s: per byte, of storing a rollout and of joining it with others, each.
        agent_steps: of one rollout.
    """

    sample_s: Sequence[float]
    learn_s: float
    step_s: float
    gradient_steps: int
    message_s: float
    rollout_bytes: float
    weights_bytes: float
    copy_s: float
    agent_steps: int

    def longer(self, factor: int) -> Costs:
        """With rollouts `factor` times as long, learned from in as many gradient steps."""
        return replace(
            self,
            sample_s=[factor * seconds for seconds in self.sample_s],
            learn_s=factor * self.learn_s,
            rollout_bytes=factor * self.rollout_bytes,
            agent_steps=factor * self.agent_steps,
        )


@dataclass(frozen=True)
class Plan:
    """A cluster to be simulated.

    Attributes:
        runners: env runners.
        learners: remote learners; 0: the process that runs the loop learns.
        bandwidth: bytes per second of every machine's link.
        learner_speed: of a learner, as a multiple of the measured one (a GPU, more cores).
    """

    runners: int
    learners: int
    bandwidth: float
    learner_speed: float = 1.0


@dataclass(frozen=True)
class Iteration:
    """Where the time of one simulated iteration goes, seconds one after the other.

    Attributes:
        sampling: until the last runner has answered.
        gathering: until the last learner has its share.
        learning: the update.
        weights: until the last runner has the new ones.
    """

    sampling: float
    gathering: float
    learning: float
    weights: float

    @property
    def seconds(self) -> float:
        return self.sampling + self.gathering + self.learning + self.weights


def simulate(costs: Costs, plan: Plan) -> Iteration:
    """One iteration."""
    sampled = _answers(costs, plan.runners)
    shares = max(plan.learners, 1)
    rollouts = plan.runners / shares
    # The link fills while the last copy of a rollout is made, so the slower of the two counts.
    gathering = rollouts * costs.rollout_bytes * max(1 / plan.bandwidth, costs.copy_s)
    gathering += shares * costs.message_s if plan.learners else 0.0
    learning = costs.learn_s * rollouts / plan.learner_speed
    learning += costs.gradient_steps * costs.step_s * (shares - 1)
    weights = plan.runners * max(costs.message_s, costs.weights_bytes / plan.bandwidth)
    return Iteration(sampled, gathering, learning, weights)


def rate(costs: Costs, plan: Plan) -> float:
    """agent-steps per second of a simulated cluster."""
    return costs.agent_steps * plan.runners / simulate(costs, plan).seconds


def _answers(costs: Costs, runners: int) -> float:
    """When the answer of the last runner has been read.

    Calls go out one after the other; an answer that comes while another is read waits for it.
    """
    half = costs.message_s / 2
    stored = costs.copy_s * costs.rollout_bytes
    ready = sorted(
        half * (number + 1) + costs.sample_s[number % len(costs.sample_s)] + stored
        for number in range(runners)
    )
    now = half * runners
    for moment in ready:
        now = max(now, moment) + half
    return now
