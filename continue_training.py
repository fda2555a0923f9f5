"""Continue training from a checkpoint: show what would be resumed, ask, then train.

python continue_training.py                   the newest checkpoint
python continue_training.py best --yes        the best one, without being asked
python continue_training.py --help            every option, and the exit codes
"""

import sys

from trainer.commands.train.continue_training import main

if __name__ == "__main__":
    sys.exit(main())
