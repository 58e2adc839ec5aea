# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The real guard, run by its own main, with the deliberate breakage that FAULTS_BREAKAGE names.

Breakages of the bridge (broken_bridge.py) leave it whole. Nothing of this is in the product.
"""

import os
from pathlib import Path
import sys

ROOT = Path(__file__).resolve().parents[2]
# Under the safe path of newer interpreters this folder would be missing.
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT)]

import breakages  # noqa: E402
from viam_session_bridge import guard  # noqa: E402

if __name__ == '__main__':
    breakages.BREAKAGES[os.environ['FAULTS_BREAKAGE']].break_process(guard=True)
    sys.exit(guard.main())
