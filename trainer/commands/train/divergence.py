"""What to change before a training that has diverged goes on from an older checkpoint."""

from __future__ import annotations

from collections.abc import Iterable

from trainer.config.schema import Config, PPOGroup

_FACTOR = 0.1
_USUAL = PPOGroup.model_fields["lr"].default


def lower_lr(config: Config, policies: Iterable[str]) -> list[str]:
    """Flags that lower the learning rate of these policies (none: of both teams).

    What a schedule would make of it again is turned off: nobody knows when that would be too much.
    """
    teams = [policy_id.removesuffix("_policy") for policy_id in policies]
    lr = min(config.ppo.team(team).lr for team in teams) if teams else config.ppo.lr
    lower = min(_FACTOR * lr, _USUAL)
    settings = [f"ppo.{team}.lr={lower:.3g}" for team in teams] or [f"ppo.lr={lower:.3g}"]
    own = {f"{team}.lr": getattr(config.schedules, team).lr for team in teams}
    for key, schedule in {"lr": config.schedules.lr, **own}.items():
        settings += [f"schedules.{key}=null"] if schedule is not None else []
    return [word for setting in settings for word in ("--set", setting)]
