# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Runs faults, one after the other, and reports unsafe time. Exit status 0 when there was none.

    python test/faults/run.py [--faults 200] [--seed N] [--only KIND ...] [--quick]
                              [--json FILE] [--document FILE] [--minutes M]
"""

import argparse
import os
from pathlib import Path
import secrets
import sys
import tempfile

ROOT = Path(__file__).resolve().parents[2]
# For the children, too: the checkout is run as it is, not installed.
os.environ['PYTHONPATH'] = os.pathsep.join(
    filter(None, [str(ROOT), os.environ.get('PYTHONPATH', '')]))
sys.path[1:1] = [str(ROOT), str(ROOT / 'test')]
import dds_environment  # noqa: E402
from draw import plan  # noqa: E402
import faults_bridge  # noqa: E402,F401
import faults_client  # noqa: E402,F401
import faults_driver  # noqa: E402,F401
import faults_surroundings  # noqa: E402,F401
from kinds import KINDS  # noqa: E402
from stage import Stage  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--faults', type=int, default=0, help='how many; 0: one of each kind')
    parser.add_argument('--seed', type=int, default=None)
    parser.add_argument('--variant', type=int, default=None)
    parser.add_argument('--only', nargs='*', default=[])
    options = parser.parse_args()
    seed = secrets.randbelow(10 ** 6) if options.seed is None else options.seed
    drawn = plan([KINDS[name] for name in options.only or KINDS], options.faults, seed,
                 options.variant)
    dds_environment.isolate()
    results = []
    with tempfile.TemporaryDirectory(prefix='viam_session_bridge_faults.') as folder:
        stage = Stage(Path(folder))
        try:
            for one in drawn:
                result = stage.play(one)
                print(str(result)[7:], flush=True)
                if not result.good:
                    print(stage.last_logs, file=sys.stderr)
                results.append(result)
        finally:
            stage.close()
    dds_environment.remove_leftovers()
    dds_environment.release()
    return 0 if all(result.good for result in results) else 1


if __name__ == '__main__':
    sys.exit(main())
