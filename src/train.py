"""Train the two-task model: ``python src/train.py --data data/train.json``.

Writes ``saved_model/mtl_epoch1.pt``, ``mtl_epoch2.pt``, … and the folder form beside them. Takes ``--save_dir`` and
every option of ``polyhead train``.
"""

import sys

from polyhead.cli.app import run
from polyhead.cli.scripts import train_app

if __name__ == "__main__":
    sys.exit(run(train_app, sys.argv[1:]))
