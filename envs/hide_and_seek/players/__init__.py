"""Scripted players: opponents that need no training, to play against and to measure by.

They know the game and numpy, and nothing of learning. `catalog.make_player` builds one by name.
Letters: N worlds, A agents (seekers first), H action heads.
"""
