"""What an agent perceives; the columns are those of `spaces`. One world at a time."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import (
    ARENA,
    COS,
    DIAGONAL,
    F0,
    F1,
    HALF,
    HEADING_MASK,
    SIN,
    TOP_SPEED,
)
from envs.hide_and_seek.kernels.jit import inlined
from envs.hide_and_seek.kernels.lanes import LANES, load, store
from envs.hide_and_seek.spaces import (
    AGENT_SIZE,
    AGENTS_AT,
    CLIMBS_AT,
    GRAB,
    HEAD_AT,
    HOLDS_AT,
    LIDAR_AT,
    MATE_SLOTS,
    NOOP,
    NUM_LOGITS,
    NUM_RAYS,
    OBS_SIZE,
)

_MIDDLE = np.float32(ARENA * HALF)
_MASKS = np.zeros((2, NUM_LOGITS), np.bool_)  # of an agent that is free, of one that is frozen
_MASKS[:, [at + noop for at, noop in zip(HEAD_AT, NOOP, strict=True)]] = True
_MASKS[0, : HEAD_AT[GRAB]] = True


@inlined
def write_self(row, pos, vel, heading, a, is_seeker, time, prep_steps, episode_steps):
    """Fills the 12 columns about agent a itself."""
    cos, sin = COS[heading[a]], SIN[heading[a]]
    row[0] = pos[a, 0] / _MIDDLE - F1
    row[1] = pos[a, 1] / _MIDDLE - F1
    row[2] = cos
    row[3] = sin
    row[4] = (vel[a, 0] * cos + vel[a, 1] * sin) / TOP_SPEED
    row[5] = (vel[a, 1] * cos - vel[a, 0] * sin) / TOP_SPEED
    row[6] = F1 if is_seeker else -F1
    preparing = time < prep_steps
    row[7] = F1 if preparing else F0
    row[8] = np.float32(prep_steps - time) / np.float32(prep_steps) if preparing else F0
    row[9] = np.float32(episode_steps - time) / np.float32(episode_steps)
    row[HOLDS_AT], row[CLIMBS_AT] = F0, F0  # see `write_objects`


@inlined
def write_lidar(row, rays, heading, lidar_range):
    """Fills the lidar columns from rays [64], see `cast_rays`, turned into the agent's own."""
    scale = F1 / lidar_range
    for k in range(0, NUM_RAYS, LANES):
        store(row, LIDAR_AT + k, load(rays, heading + k) * scale)


@inlined
def write_other(row, at, pos, vel, heading, a, other, is_seen_back):
    """Fills the slot that starts at column `at` with what agent a sees of agent `other`."""
    cos, sin = COS[heading[a]], SIN[heading[a]]
    dx, dy = pos[other, 0] - pos[a, 0], pos[other, 1] - pos[a, 1]
    distance = np.sqrt(dx * dx + dy * dy)
    scale = F1 / distance if distance > F0 else F0
    turn = (heading[other] - heading[a]) & HEADING_MASK
    vx, vy = vel[other, 0] - vel[a, 0], vel[other, 1] - vel[a, 1]
    row[at] = F1
    row[at + 1] = (dx * cos + dy * sin) * scale
    row[at + 2] = (dy * cos - dx * sin) * scale
    row[at + 3] = distance / DIAGONAL
    row[at + 4] = F1 / (F1 + distance)
    row[at + 5] = COS[turn]
    row[at + 6] = SIN[turn]
    row[at + 7] = (vx * cos + vy * sin) * HALF / TOP_SPEED
    row[at + 8] = (vy * cos - vx * sin) * HALF / TOP_SPEED
    row[at + 9] = F1 if is_seen_back else F0


@inlined
def write_others(row, pos, vel, heading, a, first_mate, end_mate, sees):
    """Fills the agents' slots: mates are the indices first_mate to end_mate, the rest opponents."""
    mate_at = AGENTS_AT
    opponent_at = AGENTS_AT + MATE_SLOTS * AGENT_SIZE
    for other in range(pos.shape[0]):
        if other == a:
            continue
        if first_mate <= other < end_mate:
            at = mate_at
            mate_at += AGENT_SIZE
        else:
            at = opponent_at
            opponent_at += AGENT_SIZE
        if sees[a, other]:
            write_other(row, at, pos, vel, heading, a, other, sees[other, a])


@inlined
def write_mask(mask, frozen):
    """Fills mask [L]: free movement, or only the no-op when frozen; neither grab nor lock."""
    allowed = _MASKS[1 if frozen else 0]
    for choice in range(NUM_LOGITS):
        mask[choice] = allowed[choice]


@inlined
def clear_entities(row):
    """Clears every slot for agents, boxes and ramps."""
    for column in range(AGENTS_AT, OBS_SIZE - LANES, LANES):
        store(row, column, F0)
    store(row, OBS_SIZE - LANES, F0)
