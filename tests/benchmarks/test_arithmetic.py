"""The count of multiply-adds against one by hand."""

from __future__ import annotations

from benchmarks.arithmetic import TeamWork, forward_and_backward


def test_the_count_of_a_small_network() -> None:
    work = TeamWork(columns=3, hiddens=(2,), logits=4, acted=10, valued=11, learned=5, epochs=2)
    acting = 10 * (3 * 2 + 2 * 4)
    valuing = 11 * (3 * 2 + 2 * 1)
    actor = (3 * 2 + 2 * 4) + (3 * 2 + 2 * 4) + 2 * 4  # forward, weights, inputs of the second
    critic = (3 * 2 + 2 * 1) + (3 * 2 + 2 * 1) + 2 * 1
    assert work.multiply_adds == acting + valuing + 5 * 2 * (actor + critic)


def test_the_first_layers_input_has_no_gradient() -> None:
    assert forward_and_backward([100]) == 200
    assert forward_and_backward([100, 10, 1]) == 111 + 111 + 11
