"""Train seekers and hiders: a fresh run, or one that continues from a checkpoint.

python main.py                                a fresh run as config.yaml says
python main.py --resume latest                continue from the newest checkpoint
python main.py --help                         every option, and the exit codes
"""

import sys

from trainer.commands.train.main import main

if __name__ == "__main__":
    sys.exit(main())
