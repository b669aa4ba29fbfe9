"""Predict one task for one text.

``python src/predict.py --model_path saved_model/mtl_epoch1.pt --text "John lives in New York." --task ner``
"""

import sys

from polyhead.cli.app import run
from polyhead.cli.scripts import predict_app

if __name__ == "__main__":
    sys.exit(run(predict_app, sys.argv[1:]))
