"""The scheduler of a run: values, plans of the teams, saved state."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.schedules.runs import (
    TEAMS,
    advanced,
    run,
)
from trainer.schedules.alternation import Alternation
from trainer.schedules.continuation import ResumePolicy, continue_schedules
from trainer.schedules.curves import (
    Bump,
    Constant,
    Decay,
    Linear,
    Schedule,
)
from trainer.schedules.scheduler import TEAM_SETTINGS, Scheduler


def test_a_bump_follows_each_switch_and_only_that() -> None:
    schedules = Scheduler.fresh(
        {"seeker/entropy_coeff": Schedule(Constant(1.0), bump=Bump(3.0, 2))},
        {},
        100,
        Alternation(TEAMS, every=4),
    )
    found = []
    for _ in range(12):
        found.append(schedules.values()["seeker/entropy_coeff"])
        schedules.advance({})
    assert found == [1.0] * 4 + [3.0, 3.0, 1.0, 1.0] * 2


def of_both(settings: dict[str, Schedule], choices: tuple[str, ...] = ()) -> Scheduler:
    """A run of 10 iterations in which every setting of both teams is a number, but for these."""
    base = {f"{team}/{name}": 1.0 for team in TEAMS for name in TEAM_SETTINGS}
    base["env/vision_range"] = 17.0
    return Scheduler.fresh(settings, base, 10, Alternation(TEAMS, every=2), choices)


def test_a_plan_has_the_value_of_each_setting_at_each_gradient_step() -> None:
    by_epoch = Schedule(Decay(8.0, 0.5), step_on="epoch")
    scheduler = of_both({"seeker/lr": Schedule(Linear(2.0, 0.0)), "seeker/clip_param": by_epoch})
    advanced(scheduler, 1)  # with 3 epochs
    plan = scheduler.team_plan("seeker")
    assert plan.values(0, 3, 0, 15) == (1.8, 1.0, 1.0, 1.0, 1.0)
    assert plan.values(2, 3, 14, 15)._asdict() == {
        "lr": 1.8,
        "entropy_coeff": 1.0,
        "clip_param": 8.0 * 0.5**5,
        "vf_loss_coeff": 1.0,
        "kl_target": 1.0,
    }
    assert set(scheduler.team_plan("hider").values(0, 3, 0, 15)) == {1.0}


def test_a_plan_says_whose_turn_it_is() -> None:
    scheduler = of_both({})
    turns = []
    for _ in range(4):
        turns.append([scheduler.team_plan(team).trains for team in TEAMS])
        advanced(scheduler, 1)
    assert turns == [[True, False]] * 2 + [[False, True]] * 2


def test_a_plan_has_the_bias_of_every_action_choice_or_none_at_all() -> None:
    bias = {"seeker/logit_bias.turn.left": Schedule(Linear(1.0, 0.0))}
    scheduler = of_both(bias, ("forward.ahead", "turn.left", "turn.right"))
    advanced(scheduler, 5)
    plan = scheduler.team_plan("seeker")
    assert plan.logit_bias == (0.0, 0.5, 0.0)
    assert set(plan.settings) == set(TEAM_SETTINGS)
    assert scheduler.team_plan("hider").logit_bias == ()


def test_only_what_is_scheduled_of_the_game_is_set_in_it() -> None:
    assert of_both({}).env_parameters() == {}
    scheduler = of_both({"env/vision_range": Schedule(Linear(17.0, 7.0))})
    assert advanced(scheduler, 5).env_parameters() == {"vision_range": 12.0}


def test_metadata_is_flat_and_counts_in_environment_steps() -> None:
    bump = Schedule(Linear(1.0, 0.5), bump=Bump(3.0, 2))
    scheduler = advanced(of_both({"seeker/lr": bump, "hider/lr": Schedule(Constant(0.1))}), 4)
    found = scheduler.metadata(env_steps=400, env_steps_per_iteration=100)
    assert found == {
        "schedule_total_planned_iterations": 10,
        "schedule_current_iterations": 4,
        "schedule_total_planned_timesteps": 1000,
        "schedule_current_timesteps": 400,
        "schedule_seeker_lr_type": "linear",
        "schedule_seeker_lr_start": 1.0,
        "schedule_seeker_lr_end": 0.5,
        "schedule_seeker_lr_step_on": "iteration",
        "schedule_seeker_lr_warmup": 0,
        "schedule_seeker_lr_bump_factor": 3.0,
        "schedule_seeker_lr_bump_updates": 2,
    }


def test_the_keys_of_a_saved_state_are_the_checkpoints_format() -> None:
    state = of_both({"seeker/lr": Schedule(Linear(1.0, 0.5))}).state()
    assert list(state) == [
        *("total", "iteration", "taken", "alternation", "plain", "configured", "running")
    ]
    assert set(state["running"]["seeker/lr"]) == {"schedule", "course"}
    assert set(state["running"]["seeker/lr"]["course"]) == {
        *("total", "origin", "progress", "first_step", "began")
    }


def test_a_restored_run_stands_where_it_stood() -> None:
    fresh = replace(run(Linear(1.0, 0.0), 30), alternation=Alternation(TEAMS, every=4))
    old = advanced(replace(fresh, steps_done={}), 6)
    assert old.alternation.since_switch == 2
    now = continue_schedules(fresh, json.loads(json.dumps(old.state())), 6, ResumePolicy())[0]
    assert now.state() == old.state()
