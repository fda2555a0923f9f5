"""What the numbers mean: columns of an observation, bins of an action, statistics of an episode.

This is the only place; kernels, renderers and players take the positions from here.

Observation: 158 float32 in about [-1, 1]. "Ahead" and "left" are in the agent's own frame.
A slot that is absent or hidden is all zeros.

    self (12)
      0-1   position x, y, the arena's middle = 0, its border = +-1
      2-3   heading: cos, sin
      4-5   own velocity ahead, left / top speed
      6     team: seeker +1, hider -1
      7     1 in the preparation phase, else 0
      8     preparation time left, 1 at the start of the episode, 0 once it is over
      9     episode time left, 1 at the start
      10    1 if it holds an object
      11    climbing time left: 1 on a ramp at an obstacle, 0 on the ground
    lidar (32)
      ray k points k * 11.25 degrees to the left of ahead and gives the distance to the nearest
      wall, box or border / lidar range; a miss is 1. Agents and ramps do not show on the lidar.
      Up on an obstacle it is 0 all around.
    other agents (5 slots of 10): slots 0-1 the mates, slots 2-4 the opponents, by index
      0     1 if it is seen now, else the slot is zero
      1-2   bearing: cos, sin (ahead = 1, 0; left = 0, 1)
      3     distance / arena diagonal
      4     1 / (1 + distance in meters): fine close by
      5-6   its heading relative to one's own: cos, sin
      7-8   its velocity relative to one's own, ahead, left / (2 * top speed)
      9     1 if it sees this agent
    boxes (4 slots of 12), by index
      0     1 if its middle is seen now, else the slot is zero
      1-2   bearing of its middle: cos, sin
      3     distance of its middle / arena diagonal
      4     1 / (1 + distance of its nearest point in meters)
      5-6   half its length and width, meters (cube 0.6, 0.6; plank 1, 0.2)
      7-8   twice the angle of its length relative to one's own heading: cos, sin; 0, 0 for a cube
      9     held: +1 by this agent, -1 by another
      10    lock: +1 by one's own team, -1 by the other
      11    1 if this agent can reach it
    ramps (2 slots of 8), by index
      0-4   as of a box
      5     held, as of a box
      6     lock, as of a box
      7     1 if it stands at an obstacle, so that one can climb unless it is held

State: 211 float32 in about [-1, 1] for each agent, what only a value function may read. Nothing is
hidden in it; a slot is all zeros where nobody or nothing is there. "Own team" is this agent's.

    self and lidar (44)
      0-43  as in the observation, the times too
    other agents (5 slots of 13): mates and opponents as in the observation
      0     1
      1-9   as in the observation
      10    1 if this agent sees it
      11    1 if it holds an object
      12    climbing time left, as of oneself
    boxes (4 slots of 14), by index
      0-11  as in the observation
      12    held: +1 by the own team, -1 by the other
      13    1 if this agent sees it
    ramps (2 slots of 10), by index
      0-7   as in the observation
      8-9   columns 12 and 13 of a box
    doors (4 slots of 6), those nearest to this agent, the nearest first
      0     1
      1-2   its middle ahead, left / arena diagonal
      3-4   its middle x, y as the own position
      5     the share of its width that boxes close: in it or less than an agent away from it
    game (2)
      0     1 if a hider is seen now
      1     1 if a hider has been seen in this episode since the preparation

Action: five heads, MultiDiscrete([3, 3, 5, 2, 3]).

    forward   0 back    1 stay     2 ahead
    strafe    0 right   1 stay     2 left
    turn      0 two headings right, 1 one right, 2 stay, 3 one left, 4 two left
    grab      0 let go  1 hold: grabs the nearest object in reach, or keeps the one it holds
    lock      0 none    1 lock  2 unlock: the object it holds, else the nearest one in reach

A heading is 11.25 degrees. Speed gains 0.1 m/step in the commanded direction and keeps 60% of
itself, so it tops out at 0.25 m/step. A frozen seeker may do nothing but NOOP; hold, lock and
unlock are allowed where they would do something.
"""

from __future__ import annotations

from collections.abc import Iterable

SELF_SIZE = 12
SELF_LIVE = 10  # columns that every level has
HOLDS_AT, CLIMBS_AT = 10, 11  # need objects, need ramps
NUM_RAYS = 32
AGENT_SLOTS, AGENT_SIZE = 5, 10
BOX_SLOTS, BOX_SIZE = 4, 12
RAMP_SLOTS, RAMP_SIZE = 2, 8
BOX_ANGLE, RAMP_LOCK = (7, 8), 6

MATE_SLOTS = 2
NUM_OBJECTS = BOX_SLOTS + RAMP_SLOTS  # of a world, present or not; boxes first, then ramps

LIDAR_AT = SELF_SIZE
AGENTS_AT = LIDAR_AT + NUM_RAYS
BOXES_AT = AGENTS_AT + AGENT_SLOTS * AGENT_SIZE
RAMPS_AT = BOXES_AT + BOX_SLOTS * BOX_SIZE
OBS_SIZE = RAMPS_AT + RAMP_SLOTS * RAMP_SIZE
OBS_BOUND = 1.01  # no column is beyond it; the hundredth is for rounding

STATE_AGENT_SIZE, STATE_BOX_SIZE, STATE_RAMP_SIZE = AGENT_SIZE + 3, BOX_SIZE + 2, RAMP_SIZE + 2
DOOR_SLOTS, DOOR_SIZE = 4, 6
DOOR_CLOSED = 5  # the column of a door that needs boxes
STATE_BOXES_AT = AGENTS_AT + AGENT_SLOTS * STATE_AGENT_SIZE
STATE_RAMPS_AT = STATE_BOXES_AT + BOX_SLOTS * STATE_BOX_SIZE
DOORS_AT = STATE_RAMPS_AT + RAMP_SLOTS * STATE_RAMP_SIZE
GAME_AT = DOORS_AT + DOOR_SLOTS * DOOR_SIZE
STATE_SIZE = GAME_AT + 2

HEADS: dict[str, tuple[str, ...]] = {
    "forward": ("back", "stay", "ahead"),
    "strafe": ("right", "stay", "left"),
    "turn": ("right2", "right", "stay", "left", "left2"),
    "grab": ("let_go", "hold"),
    "lock": ("none", "lock", "unlock"),
}
FORWARD, STRAFE, TURN, GRAB, LOCK = range(5)
NVEC = tuple(len(choices) for choices in HEADS.values())
NOOP = (1, 1, 2, 0, 0)
HEAD_AT = (0, 3, 6, 11, 13)
NUM_HEADS = len(NVEC)
NUM_LOGITS = sum(NVEC)

STAGES = (
    "hider_box_prep",
    "hider_box_main",
    "seeker_box_main",
    "hider_ramp_prep",
    "hider_ramp_main",
    "seeker_ramp_main",
    "hider_locks_prep",
    "hider_locks_main",
    "seeker_locks_main",
    "hider_crossings",
    "seeker_crossings",
    "door_blocked",
    "sealed",
    "sealed_at_end",
)
"""What is counted of an episode's stages. By team and phase (the seekers cannot act in the
preparation): meters that boxes and ramps were moved, locks closed, obstacles crossed from a ramp.
At the end of the preparation: the share of the doors that no agent fits through, and whether no
way leads from any seeker to any hider; the latter also at the end."""

STAT_NAMES = (
    "length",
    "seeker_return",
    "hider_return",
    "seeker_return_shaped",
    "hider_return_shaped",
    "seen_fraction",
    "first_seen_step",
    "perfect_hide",
    "level",
    *STAGES,
)
"""The statistics of an episode; a return is the mean of a team's agents."""

OLDER_STATS = 8
"""How many of them, from the first on, the checkpoints of a game without objects have."""


def live_columns(
    mates: int,
    opponents: int,
    boxes: int = 0,
    ramps: int = 0,
    *,
    planks: bool = True,
    ramps_lock: bool = True,
) -> tuple[int, ...]:
    """The columns that can be other than 0 for an agent in a game that has so many of each.

    Args:
        planks: whether a box can be one.
        ramps_lock: whether a ramp can be locked.
    """
    self_live = [*range(SELF_LIVE)]
    self_live += [HOLDS_AT] if boxes + ramps else []
    self_live += [CLIMBS_AT] if ramps else []
    seen = [*range(mates), *range(MATE_SLOTS, MATE_SLOTS + opponents)]
    slots: list[tuple[int, Iterable[int]]] = [
        (AGENTS_AT + slot * AGENT_SIZE, range(AGENT_SIZE)) for slot in seen
    ]
    of_box = [k for k in range(BOX_SIZE) if planks or k not in BOX_ANGLE]
    slots += [(BOXES_AT + slot * BOX_SIZE, of_box) for slot in range(boxes)]
    of_ramp = [k for k in range(RAMP_SIZE) if ramps_lock or k != RAMP_LOCK]
    slots += [(RAMPS_AT + slot * RAMP_SIZE, of_ramp) for slot in range(ramps)]
    return (*self_live, *range(LIDAR_AT, AGENTS_AT), *(at + k for at, live in slots for k in live))


def live_state_columns(
    mates: int,
    opponents: int,
    boxes: int = 0,
    ramps: int = 0,
    *,
    planks: bool = True,
    ramps_lock: bool = True,
    doors: int = DOOR_SLOTS,
) -> tuple[int, ...]:
    """The same for a state; doors: how many a world has at most."""
    seen = live_columns(mates, opponents, boxes, ramps, planks=planks, ramps_lock=ramps_lock)
    live = {_in_state(column) for column in seen}
    of_agent = [AGENT_SIZE]
    of_agent += [AGENT_SIZE + 1] if boxes + ramps else []
    of_agent += [AGENT_SIZE + 2] if ramps else []
    of_door = DOOR_SIZE if boxes else DOOR_CLOSED
    more: list[tuple[int, Iterable[int]]] = [
        (AGENTS_AT + slot * STATE_AGENT_SIZE, of_agent)
        for slot in (*range(mates), *range(MATE_SLOTS, MATE_SLOTS + opponents))
    ]
    more += [(STATE_BOXES_AT + k * STATE_BOX_SIZE, (BOX_SIZE, BOX_SIZE + 1)) for k in range(boxes)]
    more += [
        (STATE_RAMPS_AT + k * STATE_RAMP_SIZE, (RAMP_SIZE, RAMP_SIZE + 1)) for k in range(ramps)
    ]
    more += [(DOORS_AT + k * DOOR_SIZE, range(of_door)) for k in range(min(doors, DOOR_SLOTS))]
    live.update(at + k for at, columns in more for k in columns)
    return (*sorted(live), *range(GAME_AT, STATE_SIZE))


def _in_state(column: int) -> int:
    """Where the state has what an observation has in a column."""
    for at, size, state_at, state_size in (
        (RAMPS_AT, RAMP_SIZE, STATE_RAMPS_AT, STATE_RAMP_SIZE),
        (BOXES_AT, BOX_SIZE, STATE_BOXES_AT, STATE_BOX_SIZE),
        (AGENTS_AT, AGENT_SIZE, AGENTS_AT, STATE_AGENT_SIZE),
    ):
        if column >= at:
            slot, k = divmod(column - at, size)
            return state_at + slot * state_size + k
    return column
