"""The masked multi-head distribution, in torch and in the compiled sampler."""

import numpy as np
import pytest
import torch
from torch.distributions import Categorical

from trainer.ppo.distributions import MaskedMultiCategorical
from trainer.ppo.sampling import sample_actions

NVEC = (3, 3, 5, 2, 3)
L = sum(NVEC)
B = 200


def random_logits_and_mask(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3.0 * torch.randn(B, L, generator=generator)
    mask = torch.rand(B, L, generator=generator) > 0.4
    start = 0
    for size in NVEC:
        mask[:, start] = True
        start += size
    return logits, mask


def heads(logits: torch.Tensor, mask: torch.Tensor) -> list[Categorical]:
    """The reference: torch's own distribution over the allowed choices."""
    masked = logits.masked_fill(~mask, -torch.inf)
    return [Categorical(logits=part) for part in masked.split(NVEC, dim=-1)]


def test_logp_entropy_and_mode_are_those_of_torch() -> None:
    logits, mask = random_logits_and_mask(0)
    dist = MaskedMultiCategorical(logits, NVEC, mask)
    actions = dist.sample(torch.Generator().manual_seed(1))
    reference = heads(logits, mask)
    logp = sum(head.log_prob(actions[:, h]) for h, head in enumerate(reference))
    torch.testing.assert_close(dist.logp(actions), logp)
    torch.testing.assert_close(dist.entropy(), sum(head.entropy() for head in reference))
    mode = torch.stack([head.probs.argmax(-1) for head in reference], -1)
    assert torch.equal(dist.mode(), mode)


def test_kl_is_the_expected_log_ratio() -> None:
    logits, mask = random_logits_and_mask(0)
    p = MaskedMultiCategorical(logits, NVEC, mask)
    q = MaskedMultiCategorical(logits.flip(0), NVEC, mask)
    expected = torch.zeros(B)
    for a, b in zip(heads(logits, mask), heads(logits.flip(0), mask), strict=True):
        terms = a.probs * (a.logits - b.logits)
        expected += torch.where(a.probs > 0, terms, 0.0).sum(-1)
    torch.testing.assert_close(p.kl(q), expected)
    assert torch.all(p.kl(p) == 0)


def test_a_single_allowed_choice_has_no_entropy_and_certain_probability() -> None:
    mask = torch.zeros(1, L, dtype=torch.bool)
    mask[0, [0, 4, 8, 11, 13]] = True
    dist = MaskedMultiCategorical(torch.randn(1, L), NVEC, mask)
    assert dist.sample().tolist() == [[0, 1, 2, 0, 0]]
    assert dist.entropy().item() == 0.0
    assert dist.logp(dist.mode()).item() == 0.0


@pytest.mark.parametrize("compiled", [False, True])
def test_samples_follow_the_probabilities_and_never_the_mask(compiled: bool) -> None:
    count = 20_000
    logits, mask = (x[:1].expand(count, L).contiguous() for x in random_logits_and_mask(3))
    if compiled:
        actions = compiled_samples(logits, mask, seed=0)[0]
    else:
        dist = MaskedMultiCategorical(logits, NVEC, mask)
        actions = dist.sample(torch.Generator().manual_seed(0)).numpy()
    for h, head in enumerate(heads(logits[:1], mask[:1])):
        frequency = np.bincount(actions[:, h], minlength=NVEC[h]) / count
        probs = head.probs[0].numpy()
        assert (frequency[probs == 0] == 0).all()
        np.testing.assert_allclose(frequency, probs, atol=4 * np.sqrt(0.25 / count))


def compiled_samples(
    logits: torch.Tensor, mask: torch.Tensor, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = logits.shape[0]
    uniforms = np.random.default_rng(seed).random((rows, len(NVEC)), dtype=np.float32)
    written = logits.numpy().copy()
    actions = np.full((rows, len(NVEC)), -1, np.int64)
    logp = np.full(rows, np.nan, np.float32)
    sample_actions(written, mask.numpy(), np.array(NVEC), uniforms, actions, logp)
    return actions, logp, written


def test_compiled_log_probabilities_and_masked_logits_are_those_of_torch() -> None:
    logits, mask = random_logits_and_mask(5)
    actions, logp, written = compiled_samples(logits, mask, seed=1)
    dist = MaskedMultiCategorical(logits, NVEC, mask)
    assert np.array_equal(written, dist.logits.numpy())
    np.testing.assert_allclose(logp, dist.logp(torch.from_numpy(actions)).numpy(), atol=1e-5)


def test_compiled_sampling_survives_extreme_numbers() -> None:
    logits = torch.tensor([[1e4, -1e4, 0.0] + [0.0] * (L - 3)])
    mask = torch.ones(1, L, dtype=torch.bool)
    for uniform in (0.0, 0.5, np.nextafter(np.float32(1), np.float32(0))):
        actions = np.zeros((1, len(NVEC)), np.int64)
        logp = np.zeros(1, np.float32)
        uniforms = np.full((1, len(NVEC)), uniform, np.float32)
        sample_actions(logits.numpy().copy(), mask.numpy(), np.array(NVEC), uniforms, actions, logp)
        assert actions[0, 0] == 0
        assert (actions >= 0).all()
        assert (actions < np.array(NVEC)).all()
        assert np.isfinite(logp).all()
