"""The start of an episode in one world: draw a layout, places and headings."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import (
    F0,
    HALF,
    NOBODY,
    NOWHERE,
    NUM_HEADINGS,
    RADIUS,
)
from envs.hide_and_seek.kernels.jit import bare
from envs.hide_and_seek.kernels.presence import draw_size
from envs.hide_and_seek.kernels.random_stream import next_below, next_unit
from envs.hide_and_seek.spaces import BOX_SLOTS, NUM_OBJECTS

# Spawn places keep 0.1 m more than a radius from every wall: room for a shift within a circle
# of 0.1 m, so that starts do not sit on a grid.
_SHIFT = np.float32(0.14)
_APART = np.float32(2 * RADIUS + 0.01)
_CLEAR = np.float32(RADIUS + 0.01)
_TRIES = 16
_PASSAGE = np.float32(2 * RADIUS + 0.05)  # left free between objects: nobody is shut in by them


@bare
def is_free(pos, a, rects, x, y):
    """Whether a disc at x, y clears the agents placed before agent a and the boxes of rects."""
    for other in range(a):
        dx, dy = pos[other, 0] - x, pos[other, 1] - y
        if dx * dx + dy * dy < _APART * _APART:
            return False
    for box in range(BOX_SLOTS):
        gap_x = max(abs(rects[box, 0] - x) - rects[box, 2], F0)
        gap_y = max(abs(rects[box, 1] - y) - rects[box, 3], F0)
        if gap_x * gap_x + gap_y * gap_y < _CLEAR * _CLEAR:
            return False
    return True


@bare
def find_place(pos, a, rects, stream, n, places, num_places):
    """Puts agent a on a random free place, places [S, 2]; returns whether there is one.

    rects [6, 4]: the objects of the world.
    """
    for _ in range(_TRIES):
        k = next_below(stream, n, num_places)
        x = places[k, 0] + (next_unit(stream, n) - HALF) * _SHIFT
        y = places[k, 1] + (next_unit(stream, n) - HALF) * _SHIFT
        if is_free(pos, a, rects, x, y):
            pos[a, 0], pos[a, 1] = x, y
            return True
    start = next_below(stream, n, num_places)
    for offset in range(num_places):
        k = (start + offset) % num_places
        pos[a, 0], pos[a, 1] = places[k, 0], places[k, 1]
        if is_free(pos, a, rects, pos[a, 0], pos[a, 1]):
            return True
    return False


@bare
def place_agent(pos, a, rects, stream, n, team, spawns, num_spawns):
    """Puts agent a on a free place of its team, spawns [2, S, 2].

    Boxes beyond the level's own can take all of them in a small room: then on one of the others'.
    """
    for zone in (team, 1 - team):
        if find_place(pos, a, rects, stream, n, spawns[zone], num_spawns[zone]):
            return


@bare
def has_room(rects, count, x, y, half_x, half_y):
    """Whether a rectangle leaves a passage to the first `count` objects of rects [6, 4]."""
    for other in range(count):
        gap_x = abs(rects[other, 0] - x) - rects[other, 2] - half_x
        gap_y = abs(rects[other, 1] - y) - rects[other, 3] - half_y
        if gap_x < _PASSAGE and gap_y < _PASSAGE:
            return False
    return True


@bare
def try_objects(rects, halves, places, num_places, stream, n):
    """Draws a place for each object; returns whether all of them found room."""
    complete = True
    for k in range(NUM_OBJECTS):
        rects[k, 0], rects[k, 1], rects[k, 2], rects[k, 3] = NOWHERE, NOWHERE, F0, F0
        if halves[k, 0] == F0 or num_places[k] == 0:
            continue
        found = False
        start = next_below(stream, n, num_places[k])
        for offset in range(num_places[k]):
            place = places[k, (start + offset) % num_places[k]]
            if has_room(rects, k, place[0], place[1], halves[k, 0], halves[k, 1]):
                rects[k, 0], rects[k, 1] = place[0], place[1]
                rects[k, 2], rects[k, 3] = halves[k, 0], halves[k, 1]
                found = True
                break
        complete = complete and found
    return complete


@bare
def place_objects(rects, halves, places, num_places, stream, n):
    """Puts objects on random places of theirs, with a passage between them.

    One can take the room of the next, so all are drawn anew until all are there. One that finds no
    room even so stays away in this episode.

    Args:
        rects: [6, 4] float32, filled.
        halves: [6, 2] float32, half sides, 0 = absent; places [6, P, 2]; num_places [6].
    """
    for _ in range(_TRIES):
        if try_objects(rects, halves, places, num_places, stream, n):
            return


@bare
def draw_level(stream, n, shares):
    """The level of world n's next episode, shares [K]; with one level nothing is drawn."""
    last = shares.shape[0] - 1
    if last == 0:
        return 0
    drawn = next_unit(stream, n)
    for level in range(last):
        if drawn < shares[level]:
            return level
    return last


@bare
def start_episode(world, objects, n, layouts, rules):
    """Resets world n from its own stream; what it sees is not updated."""
    level = draw_level(world.stream, n, rules.level_share)
    first, end = rules.level_first[level], rules.level_first[level + 1]
    layout = first + next_below(world.stream, n, end - first)
    world.layout[n] = layout
    if rules.has_objects:
        objects.lock_team[n, :] = NOBODY
        objects.stage[n, :] = F0
        place_objects(
            *(objects.object_rect[n], layouts.object_half[layout], layouts.object_places[layout]),
            *(layouts.num_object_places[layout], world.stream, n),
        )
    num_agents, num_seekers = world.pos.shape[1], rules.num_seekers
    end_seekers = draw_size(world.stream, n, rules.min_seekers, num_seekers)
    num_hiders = num_agents - num_seekers
    end_hiders = num_seekers + draw_size(world.stream, n, rules.min_hiders, num_hiders)
    for a in range(num_agents):
        team = 0 if a < num_seekers else 1
        if a < (end_seekers if team == 0 else end_hiders):
            place_agent(
                *(world.pos[n], a, objects.object_rect[n], world.stream, n),
                *(team, layouts.spawns[layout], layouts.num_spawns[layout]),
            )
            world.heading[n, a] = next_below(world.stream, n, NUM_HEADINGS)
        else:
            world.pos[n, a, 0], world.pos[n, a, 1] = NOWHERE, NOWHERE
            world.heading[n, a] = 0
        world.vel[n, a, 0], world.vel[n, a, 1] = F0, F0
        objects.holding[n, a] = -1
        objects.climb[n, a] = 0
        objects.crossed[n, a] = False
    world.time[n] = 0
    world.prep_steps[n] = rules.prep_steps[level]
    world.episode_steps[n] = rules.episode_steps[level]
    world.credit[n] = F0
    world.raw_return[n] = F0
    world.shaping_return[n] = F0
    world.seen_steps[n] = 0
    world.first_seen[n] = -1
