"""The game's arithmetic: numba kernels over plain arrays, world by world.

Letters: N worlds, A agents (the seekers first), L layouts, W walls of a layout, S spawn places.
"""
