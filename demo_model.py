"""Watch trained policies and scripted players play, and measure how well they do. Needs no Ray.

python demo_model.py                          choose a checkpoint, watch five episodes
python demo_model.py --checkpoint best --record game.gif
python demo_model.py --help                   every option, and the exit codes
"""

import sys

from trainer.commands.demo.main import main

if __name__ == "__main__":
    sys.exit(main())
