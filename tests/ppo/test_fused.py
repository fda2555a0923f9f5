"""The fused engine against torch: the same gradients, updates and actions."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from envs.batch_env import TeamSpec
from tests.ppo.conftest import small_config
from trainer.engine import update as engine
from trainer.engine.gradient import room_floats
from trainer.engine.rows import fill_rows, row_width
from trainer.errors import TrainingDiverged
from trainer.ppo.actors import FusedActor, Rows, TorchActor
from trainer.ppo.distributions import MASKED_LOGIT, MaskedMultiCategorical
from trainer.ppo.fused_network import FusedNetwork
from trainer.ppo.fused_update import FusedEngine
from trainer.ppo.losses import Minibatch, PPOCoefficients, ppo_loss
from trainer.ppo.networks import ActorCritic, PolicySpec
from trainer.ppo.rollout import TeamRollout
from trainer.ppo.team_update import STEP_SCALARS, Learned, TeamUpdate
from trainer.ppo.torch_update import TorchEngine
from trainer.schedules.active import ActiveSchedule
from trainer.schedules.scheduler import TeamPlan

OBS_SIZE, NVEC = 11, (3, 4, 2)
LIVE = (0, 2, 3, 7, 10)
STATE_SIZE, LIVE_STATE = 21, (1, 2, 4, 8, 16, 20)
SPECS = {
    name: TeamSpec(name, (f"{name}_0", f"{name}_1"), OBS_SIZE, NVEC, LIVE, STATE_SIZE, LIVE_STATE)
    for name in ("seeker", "hider")
}
HEAD_ENDS = np.cumsum(NVEC)


@dataclass(frozen=True)
class Case:
    """One setting of everything that enters the loss."""

    hiddens: tuple[int, ...] = (16, 8)
    activation: str = "tanh"
    normalize_obs: bool = False
    kl_coeff: float = 0.0
    entropy_coeff: float = 0.01
    vf_clip_param: float = 10.0
    clip_param: float = 0.2
    biased: bool = False
    rows: int = 700
    critic: str = "obs"


CASES = (
    Case(),
    Case(kl_coeff=0.7, entropy_coeff=0.0),
    Case(vf_clip_param=0.1, clip_param=0.01, biased=True),
    Case(hiddens=(24,), activation="relu", normalize_obs=True),
    Case(hiddens=(8, 16, 8), kl_coeff=0.2, rows=3),
    Case(critic="state"),
    Case(hiddens=(24,), activation="relu", normalize_obs=True, critic="state"),
)
WITH_ROWS = (*CASES[:4], *CASES[5:])


def network_of(case: Case, seed: int = 0) -> ActorCritic:
    """A network whose policy is far from uniform."""
    torch.manual_seed(seed)
    network = ActorCritic(
        PolicySpec(
            OBS_SIZE,
            NVEC,
            case.hiddens,
            activation=case.activation,
            normalize_obs=case.normalize_obs,
            state_size=STATE_SIZE * (case.critic == "state"),
        )
    )
    with torch.no_grad():
        network.policy_head.weight.mul_(100.0)
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0.0, 0.3)
    # A dead column (1 of the observation, 0 of the state) was alive once.
    for normalizer in filter(None, (network.normalizer, network.state_normalizer)):
        size = len(normalizer.mean)
        mean = torch.zeros(size)
        mean[[0, 1, 2]] = torch.tensor([0.5, -0.4, 2.0])
        normalizer.update(100.0, mean, torch.full((size,), 0.7))
    return network


def observations(random: np.random.Generator, *shape: int) -> np.ndarray:
    obs = np.zeros((*shape, OBS_SIZE), np.float32)
    obs[..., LIVE] = random.normal(size=(*shape, len(LIVE)))
    return obs


def states(case: Case, random: np.random.Generator, *shape: int) -> np.ndarray:
    if case.critic == "obs":
        return np.zeros((*shape, 0), np.float32)
    state = np.zeros((*shape, STATE_SIZE), np.float32)
    state[..., LIVE_STATE] = random.normal(size=(*shape, len(LIVE_STATE)))
    return state


def masks(random: np.random.Generator, *shape: int) -> np.ndarray:
    """Random masks with at least one choice of each head."""
    mask = random.random((*shape, sum(NVEC))) < 0.6
    for end, size in zip(HEAD_ENDS, NVEC, strict=True):
        always = random.integers(end - size, end, shape)
        np.put_along_axis(mask, always[..., None], True, axis=-1)
    return mask


def batch_of(case: Case, random: np.random.Generator) -> Minibatch:
    mask = torch.from_numpy(masks(random, case.rows))
    logits = torch.from_numpy(random.normal(size=mask.shape).astype(np.float32))
    old = MaskedMultiCategorical(logits, NVEC, mask)
    torch.manual_seed(1)
    actions = old.sample()
    normal = torch.from_numpy(random.normal(size=(2, case.rows)).astype(np.float32))
    state = torch.from_numpy(states(case, np.random.default_rng(6), case.rows))
    return Minibatch(
        obs=torch.from_numpy(observations(random, case.rows)),
        action_mask=mask,
        actions=actions,
        logits=old.logits,
        logp=old.logp(actions),
        advantages=normal[0],
        value_targets=normal[1],
        state=state if case.critic == "state" else None,
    )


def flat(tensors: Sequence[Any]) -> np.ndarray:
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors]).numpy()


@pytest.mark.parametrize("case", CASES)
def test_gradient_and_scalars_are_those_of_the_torch_loss(case: Case) -> None:
    random = np.random.default_rng(5)
    network, batch = network_of(case), batch_of(case, random)
    bias = random.normal(size=sum(NVEC)).astype(np.float32) * case.biased
    coefficients = PPOCoefficients(
        case.clip_param, case.vf_clip_param, 0.5, case.entropy_coeff, case.kl_coeff
    )
    logits, values = network(batch.obs, batch.state)
    loss, scalars = ppo_loss(logits + torch.from_numpy(bias), values, batch, NVEC, coefficients)
    loss.backward()
    expected = flat([parameter.grad for parameter in network.parameters()])

    fused = FusedNetwork(network, LIVE, LIVE_STATE)
    net = fused.description
    columns = len(fused.inputs.columns) + len(fused.states.columns)
    rows = np.zeros((case.rows, row_width(columns, net.nvec)), np.float32)
    fill_rows(
        *(fused.inputs, fused.states, net.nvec, np.arange(case.rows), batch.obs.numpy()),
        *(states(case, np.random.default_rng(6), case.rows), batch.logits.numpy()),
        *(batch.actions.numpy(), batch.logp.numpy(), batch.advantages.numpy()),
        *(batch.value_targets.numpy(), rows),
    )
    plan = engine.Plan(
        batch=rows,
        order=random.permutation(case.rows),
        bounds=np.array([0, case.rows]),
        tile=64,
        share=128,
        values=np.array([[0.0, case.entropy_coeff, case.clip_param, 0.5]]),
        bias=bias,
        vf_clip=case.vf_clip_param,
        kl_coeff=case.kl_coeff,
        grad_clip=0.5,
    )
    state = engine.new_state(net, plan, fused.parameters())
    adam = fused.adam(torch.optim.Adam(network.parameters()))
    room = np.full(room_floats(net, plan.tile), np.nan, np.float32)
    assert engine.work(net, plan, adam, state, room) == engine.FINISHED
    scale = np.abs(expected).max()
    np.testing.assert_allclose(state.gradient, expected, atol=2e-6 * scale, rtol=1e-4)
    found = dict(zip(STEP_SCALARS, state.scalars[0], strict=True))
    for name, value in {**scalars, "loss": loss.detach()}.items():
        assert found[name] == pytest.approx(float(value), rel=1e-4, abs=1e-6), name
    assert found["grad_norm"] == pytest.approx(float(np.linalg.norm(expected)), rel=1e-4)


def rollout_of(
    case: Case, network: ActorCritic, seed: int, *, frozen: float, cut: bool
) -> TeamRollout:
    """What a network could have played: 20 steps of 30 worlds with two agents."""
    random = np.random.default_rng(seed)
    steps, worlds, agents = 20, 30, 2
    shape = (steps + 1, worlds, agents)
    obs, mask = observations(random, *shape), masks(random, *shape)
    with torch.no_grad():
        logits = network.logits(torch.from_numpy(obs[:-1]))
        rows = logits.masked_fill(~torch.from_numpy(mask[:-1]), MASKED_LOGIT).flatten(0, 2)
        policy = MaskedMultiCategorical(rows, NVEC)
        torch.manual_seed(seed)
        actions = policy.sample()
    return TeamRollout(
        obs=obs,
        action_mask=mask,
        valid=random.random(shape) >= frozen,
        state=states(case, np.random.default_rng(seed), *shape),
        actions=actions.numpy().reshape(steps, worlds, agents, -1),
        logits=rows.numpy().reshape(steps, worlds, agents, -1),
        logp=policy.logp(actions).numpy().reshape(steps, worlds, agents),
        rewards=random.normal(size=(steps, worlds, agents)).astype(np.float32),
        final_values=random.normal(size=(steps * cut, worlds, agents)).astype(np.float32),
    )


def updates(case: Case, teams: Sequence[str] = ("seeker", "hider")) -> list[TeamUpdate]:
    """An update of each team; the second has fewer rows than the first."""
    ppo = {
        "num_epochs": 3,
        "minibatch_size": 128,
        "lr": 0.01,
        "vf_clip_param": case.vf_clip_param,
        "kl_coeff": case.kl_coeff,
    }
    config = small_config(**ppo)
    plans = plans_of(config, case)
    made = []
    for number, team in enumerate(teams):
        network = network_of(case, seed=number)
        made.append(
            TeamUpdate(
                policy_id=f"{team}_policy",
                network=network,
                optimizer=torch.optim.Adam(network.parameters(), eps=1e-5),
                settings=config.ppo.team(team),
                kl_coeff=case.kl_coeff,
                plan=plans[team],
                rollout=rollout_of(case, network, number, frozen=0.3 * number, cut=bool(number)),
                dones=np.random.default_rng(9).random((20, 30)) < 0.1,
                reward_scale=0.5,
                generator=torch.Generator().manual_seed(number),
            )
        )
    return made


def plans_of(config: Any, case: Case) -> Mapping[str, TeamPlan]:
    from trainer.config.build_scheduler import build_scheduler

    scheduler = build_scheduler(config, 10)
    bias = tuple(np.linspace(-1, 1, sum(NVEC))) if case.biased else ()
    plans = {}
    for team in ("seeker", "hider"):
        plan = scheduler.team_plan(team)
        assert all(isinstance(value, ActiveSchedule) for value in plan.settings.values())
        plans[team] = TeamPlan(plan.trains, plan.settings, plan.step, bias)
    return plans


def weights(made: Sequence[TeamUpdate]) -> np.ndarray:
    return flat([parameter for update in made for parameter in update.network.parameters()])


def moments(made: Sequence[TeamUpdate]) -> np.ndarray:
    return flat(
        [
            value
            for update in made
            for parameter in update.network.parameters()
            for value in update.optimizer.state[parameter].values()
        ]
    )


def fused_engine(made: Sequence[TeamUpdate], threads: int = 2) -> FusedEngine:
    networks = {
        update.policy_id.removesuffix("_policy"): FusedNetwork(update.network, LIVE, LIVE_STATE)
        for update in made
    }
    return FusedEngine(networks, threads)


def fused_actor(network: ActorCritic) -> FusedActor:
    return FusedActor({"seeker": FusedNetwork(network, LIVE)}, threads=2)


@pytest.mark.parametrize("case", WITH_ROWS)
def test_two_whole_updates_leave_the_weights_and_moments_of_torch(case: Case) -> None:
    ours, theirs = updates(case), updates(case)
    fused, by_torch = (
        fused_engine(ours),
        TorchEngine(1, SPECS, distributed=False),
    )
    for _ in range(2):
        outcomes = zip(fused.train(ours), by_torch.train(theirs), strict=True)
        for mine, other in outcomes:
            assert isinstance(mine, Learned)
            assert isinstance(other, Learned)
            assert (mine.rows, mine.steps) == (other.rows, other.steps)
            assert mine.vf_explained_var == pytest.approx(other.vf_explained_var, abs=1e-4)
            assert mine.scalars == pytest.approx(other.scalars, rel=1e-3, abs=1e-4)
            assert torch.equal(mine.sample.obs, other.sample.obs)
            assert torch.equal(mine.obs(), other.obs())
            assert torch.equal(mine.state(), other.state())
            assert (mine.sample.state is None) == (case.critic == "obs")
            if mine.sample.state is not None and other.sample.state is not None:
                assert torch.equal(mine.sample.state, other.sample.state)
    np.testing.assert_allclose(weights(ours), weights(theirs), atol=2e-4)
    np.testing.assert_allclose(moments(ours), moments(theirs), rtol=1e-3, atol=1e-4)


def test_the_bits_are_the_same_on_any_number_of_threads() -> None:
    found = []
    for threads in (1, 2, 5):
        made = updates(CASES[0])
        fused_engine(made, threads).train(made)
        found.append(weights(made))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_a_restored_optimizer_and_network_are_taken_over() -> None:
    straight = updates(CASES[0])
    fused = fused_engine(straight)
    fused.train(straight)
    fused.train(straight)
    made = updates(CASES[0])
    first = fused_engine(made)
    first.train(made)
    for update in made:  # as a restore does it: values are copied, states are replaced
        update.network.load_state_dict(copy.deepcopy(update.network.state_dict()))
        update.optimizer.load_state_dict(copy.deepcopy(update.optimizer.state_dict()))
    first.train(made)
    assert np.array_equal(weights(straight), weights(made))
    assert np.array_equal(moments(straight), moments(made))


def test_one_team_alone_and_one_without_rows() -> None:
    made = updates(CASES[0])
    fused = fused_engine(made)
    made[1].rollout.valid[:] = False
    before = weights(made[1:])
    seekers, hiders = fused.train(made)
    assert isinstance(seekers, Learned)
    assert isinstance(hiders, Learned)
    assert (hiders.rows, hiders.steps, hiders.scalars) == (0, 0, {})
    assert np.array_equal(weights(made[1:]), before)
    both = weights(made[:1])
    alone = updates(CASES[0])
    fused_engine(alone).train(alone[:1])
    assert np.array_equal(weights(alone[:1]), both)


def test_a_gradient_that_is_not_finite_ends_the_update() -> None:
    made = updates(CASES[0])
    fused = fused_engine(made)
    made[0].rollout.rewards[3, 4] = np.inf
    failed, learned = fused.train(made)
    assert isinstance(failed, TrainingDiverged)
    assert failed.policies == ("seeker_policy",)
    assert "gradient is not finite" in str(failed)
    assert isinstance(learned, Learned)
    assert np.isfinite(weights(made[1:])).all()


def acted(actor: FusedActor | TorchActor, rows: Rows, bias: np.ndarray | None) -> Rows:
    with actor.ready():
        actor.act("seeker", rows, bias)
    return rows


def rows_of(count: int, seed: int = 3) -> Rows:
    random = np.random.default_rng(seed)
    return Rows(
        obs=observations(random, count),
        action_mask=masks(random, count),
        uniforms=random.random((count, len(NVEC)), np.float32),
        logits=np.zeros((count, sum(NVEC)), np.float32),
        actions=np.zeros((count, len(NVEC)), np.int64),
        logp=np.zeros(count, np.float32),
    )


@pytest.mark.parametrize("case", WITH_ROWS)
def test_actions_are_those_that_torch_draws(case: Case) -> None:
    network = network_of(case)
    bias = np.linspace(-1, 1, sum(NVEC)).astype(np.float32) if case.biased else None
    fused = acted(fused_actor(network), rows_of(1000), bias)
    by_torch = acted(TorchActor({"seeker": network}), rows_of(1000), bias)
    np.testing.assert_allclose(fused.logits, by_torch.logits, atol=1e-4, rtol=1e-5)
    same = (fused.actions == by_torch.actions).all(axis=1)
    assert same.mean() > 0.995  # a uniform may lie between two roundings of one border
    np.testing.assert_allclose(fused.logp[same], by_torch.logp[same], atol=1e-4)


def test_actions_are_drawn_with_their_probabilities() -> None:
    count = 40_000
    one = rows_of(1)
    many = rows_of(count)
    many.obs[:], many.action_mask[:] = one.obs[0], one.action_mask[0]
    acted(fused_actor(network_of(CASES[0])), many, None)
    policy = MaskedMultiCategorical(torch.from_numpy(many.logits[:1]), NVEC)
    for head, log_probs in enumerate(policy.heads()):
        expected = count * log_probs.exp().squeeze(-1).numpy().astype(np.float64)
        seen = np.bincount(many.actions[:, head], minlength=NVEC[head])
        assert (seen[expected == 0] == 0).all()
        possible = expected > 0
        if possible.sum() > 1:
            expected *= count / expected.sum()
            assert stats.chisquare(seen[possible], expected[possible]).pvalue > 1e-3


def test_the_largest_uniform_draws_an_allowed_choice() -> None:
    rows = rows_of(500)
    rows.uniforms[:] = np.nextafter(np.float32(1.0), np.float32(0.0))
    acted(fused_actor(network_of(CASES[0])), rows, None)
    at = np.concatenate([[0], HEAD_ENDS[:-1]]) + rows.actions
    assert np.take_along_axis(rows.action_mask, at, axis=1).all()


def test_a_head_without_a_choice_shows_in_the_log_probability() -> None:
    rows = rows_of(200)
    rows.action_mask[7, : NVEC[0]] = False
    logp = acted(fused_actor(network_of(CASES[0])), rows, None).logp
    assert np.flatnonzero(np.isnan(logp)).tolist() == [7]


@pytest.mark.parametrize("hiddens", [(1,), (64, 64), (3, 5, 7), (512,)])
def test_an_action_does_not_depend_on_how_many_agents_are_beside(hiddens: tuple[int, ...]) -> None:
    actor = fused_actor(network_of(Case(hiddens=hiddens)))
    whole = acted(actor, rows_of(500), None)
    for parts in (2, 7, 500):
        cut = rows_of(500)
        for index in np.array_split(np.arange(500), parts):
            part = slice(index[0], index[-1] + 1)
            acted(actor, Rows(*(array[part] for array in cut)), None)
        for name, one, other in zip(Rows._fields, whole, cut, strict=True):
            assert np.array_equal(one, other), (parts, name)


def test_a_thread_that_fails_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    made = updates(CASES[0])
    fused = fused_engine(made, threads=3)
    work, calls = engine.work, []

    def failing(network: Any, plan: Any, adam: Any, state: Any, room: np.ndarray) -> Any:
        calls.append(state)
        if len(calls) == 1:
            state.control[0] = 1  # has taken the first tile
            raise MemoryError("for the test")
        return work(network, plan, adam, state, room)

    monkeypatch.setattr(engine, "work", failing)
    with pytest.raises(MemoryError, match="for the test"):
        fused.train(made)


def test_a_value_error_that_overflows_is_noticed() -> None:
    made = updates(CASES[0])
    made[0].rollout.rewards[3, 4] = 1e30
    failed, _ = fused_engine(made).train(made)
    assert isinstance(failed, TrainingDiverged)
