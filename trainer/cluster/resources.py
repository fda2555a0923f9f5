"""Whether a cluster has room for a run, asked before anything is started there.

Ray lets an actor that fits nowhere wait for ever, without a word. And objects that do not fit into
the memory of a node it moves to the node's disk and back, without a word too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ray
from ray.util.placement_group import placement_group, remove_placement_group

from trainer.cluster.waits import TELL_EVERY_S, Tell, minutes, silent
from trainer.config.run_groups import RayGroup
from trainer.errors import EXIT_ERROR

_PATIENCE_S = 600.0  # an autoscaled node takes minutes to come up
_POLL_S = 1.0
_MEGABYTE = 2**20


class ClusterTooSmall(RuntimeError):  # noqa: N818 - reads as the state it reports
    """A cluster has no room for the processes of a run."""

    exit_code = EXIT_ERROR


class StoppedWaiting(RuntimeError):  # noqa: N818
    """A stop was requested while the run was waiting for room."""


def wait_for_room(
    settings: RayGroup,
    tell: Tell = silent,
    stopped: Callable[[], bool] = lambda: False,
    patience_s: float = _PATIENCE_S,
) -> None:
    """Waits until the cluster has room for all env runners and learners at once.

    The question is a placement group, which makes an autoscaler add nodes; it is removed before
    this returns.

    Args:
        settings: what is asked for.
        tell: gets a line when the wait begins, and each minute of it.
        stopped: whether to give up.
        patience_s: seconds until it gives up by itself.

    Raises:
        ClusterTooSmall: there was no room in time.
        StoppedWaiting: `stopped` said so.
    """
    bundles = _bundles(settings)
    if not bundles:
        return
    group = placement_group(bundles, strategy="PACK")
    began = time.monotonic()
    told: float | None = None
    try:
        while not group.wait(_POLL_S):
            waited = time.monotonic() - began
            if stopped():
                raise StoppedWaiting
            if waited >= patience_s:
                raise ClusterTooSmall(_refusal(settings, bundles, waited))
            if told is None or waited - told >= TELL_EVERY_S:
                told = waited
                left = f"giving up after {minutes(patience_s - waited)} more"
                tell(f"{_asked(settings)}, but {_there(bundles)}; {left} ...")
    finally:
        remove_placement_group(group)


def _bundles(settings: RayGroup) -> list[dict[str, float]]:
    """What each process takes up, as RLlib will ask for it; none of those that take up nothing."""
    runner = {"CPU": settings.num_cpus_per_env_runner, **settings.custom_resources}
    gpus = settings.num_gpus_per_learner
    learner = {"GPU": gpus} if gpus else {"CPU": 1.0}
    all_of_them = [runner] * settings.num_env_runners + [learner] * settings.num_learners
    bundles = [{name: float(n) for name, n in each.items() if n} for each in all_of_them]
    return [bundle for bundle in bundles if bundle]


def _asked(settings: RayGroup) -> str:
    """`ray.num_env_runners = 5 (1 CPU each) and ...`."""
    runner = {"CPU": settings.num_cpus_per_env_runner, **settings.custom_resources}
    gpus = settings.num_gpus_per_learner
    parts = [
        ("ray.num_env_runners", settings.num_env_runners, runner),
        ("ray.num_learners", settings.num_learners, {"GPU": gpus} if gpus else {"CPU": 1}),
    ]
    told = [f"{key} = {count} ({_amounts(each)} each)" for key, count, each in parts if count]
    return f"the run asks for {' and '.join(told)}"


def _amounts(each: Mapping[str, float]) -> str:
    return " and ".join(f"{amount:g} {name}" for name, amount in each.items() if amount)


def _there(bundles: list[dict[str, float]]) -> str:
    """What the cluster has of everything that is asked for."""
    total, free = ray.cluster_resources(), ray.available_resources()
    names = sorted({name for bundle in bundles for name in bundle})
    have = [
        f"{free.get(name, 0):g} of {total[name]:g} {name} free"
        if total.get(name)
        else f"no {name}, which no node offers,"
        for name in names
    ]
    nodes = sum(1 for node in ray.nodes() if node["Alive"])
    return f"the cluster has {' and '.join(have)} on {nodes} node{'s'[: nodes != 1]}"


def _refusal(settings: RayGroup, bundles: list[dict[str, float]], waited: float) -> str:
    text = f"{_asked(settings)}, but {_there(bundles)}, after {waited:.0f} s"
    alone = _too_large(bundles)
    if alone:
        return f"{text}; no node has {alone} for one process, so lower what each takes up"
    if any("GPU" in bundle for bundle in bundles) and not ray.cluster_resources().get("GPU"):
        return f"{text}; set ray.num_gpus_per_learner to 0, or add a node with a GPU"
    return f"{text}; lower these numbers, add nodes, or wait until other jobs are done"


def _too_large(bundles: list[dict[str, float]]) -> str:
    """What a single process takes up and no node has, however free it is; empty: nothing."""
    nodes: list[dict[str, Any]] = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for bundle in bundles:
        fits = (all(node.get(name, 0) >= n for name, n in bundle.items()) for node in nodes)
        present = all(any(name in node for node in nodes) for name in bundle)
        if present and not any(fits):
            return _amounts(bundle)
    return ""


def node_of(actor: Any) -> str:
    """The id of the node that this process runs on; for an actor to be asked with."""
    return str(ray.get_runtime_context().get_node_id())


def store_notice(rollout: int, runners: Sequence[str], learners: Sequence[str]) -> str:
    """What to be told of object stores that an iteration does not fit into; empty: nothing.

    Args:
        rollout: bytes of what one runner gives in an iteration.
        runners: the node of each.
        learners: the node of each; they share equally.
    """
    made = {node: count * rollout for node, count in Counter(runners).items()}
    share = len(runners) * rollout / len(learners)
    taken = {node: count * share for node, count in Counter(learners).items()}
    crowded = []
    for node in ray.nodes():
        room = node["Resources"].get("object_store_memory", 0)
        needed = max(made.get(node["NodeID"], 0), taken.get(node["NodeID"], 0))
        if node["Alive"] and needed > room:
            crowded.append((needed - room, needed, room, node["NodeManagerHostname"]))
    if not crowded:
        return ""
    _, needed, room, host = max(crowded)
    others = f" (and {len(crowded) - 1} more like it)" if len(crowded) > 1 else ""
    return (
        f"the object store of node {host}{others} has {room / _MEGABYTE:,.0f} MB, but the rollouts "
        f"that it is to hold in an iteration have {needed / _MEGABYTE:,.0f} MB, "
        f"{rollout / _MEGABYTE:,.0f} MB of each env runner: they will come in turns or by its "
        "disk, which takes longer; give it more (ray start --object-store-memory; in a container "
        "also shm_size), or set ray.num_envs_per_env_runner lower or ray.num_learners higher"
    )
