# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Makes faults, one after the other, and reports unsafe time.

    python test/faults/run.py [--faults N | --quick] [--seed N] [--only KIND ...] [--breakages ...]
                              [--minutes M] [--json FILE] [--document FILE]

Exit status 0 when all faults were made, there was no unsafe time, no problem, and every breakage
was caught. Any fault is played again alone with the seed and the variant that are printed.
"""

import argparse
import json
import os
from pathlib import Path
import secrets
import signal
import sys
import tempfile
import time

ROOT = Path(__file__).resolve().parents[2]
# For the children, too: the checkout is run as it is, not installed.
os.environ['PYTHONPATH'] = os.pathsep.join(
    filter(None, [str(ROOT), os.environ.get('PYTHONPATH', '')]))
# Inherited from another environment, it would keep rclpy from finding its libraries.
os.environ.pop('_ROS_WHEELS_BOOTSTRAP_COMPLETE', None)
sys.path[1:1] = [str(ROOT), str(ROOT / 'test')]

from breakages import BREAKAGES  # noqa: E402
import dds_environment  # noqa: E402
import document  # noqa: E402
from draw import Drawn, plan  # noqa: E402
import faults_bridge  # noqa: E402
import faults_client  # noqa: E402
import faults_driver  # noqa: E402
import faults_feedback  # noqa: E402
import faults_surroundings  # noqa: E402
from kinds import KINDS  # noqa: E402
import report  # noqa: E402
from selftest import Proof, prove  # noqa: E402
from stage import claim_domains, Stage  # noqa: E402
from trial import Result  # noqa: E402

# Their import registers the kinds.
SOURCES = (faults_client, faults_bridge, faults_driver, faults_feedback, faults_surroundings)


def main() -> int:
    options = _options()
    seed = secrets.randbelow(10 ** 6) if options.seed is None else options.seed
    names = options.only or [
        name for name, kind in KINDS.items() if kind.quick or not options.quick]
    drawn = plan([KINDS[name] for name in names], options.faults, seed, options.variant)
    if options.only is not None and not options.only:
        drawn = []
    began = time.monotonic()
    # Under nohup, children would inherit that SIGHUP is ignored, and a bridge leaves it so.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    dds_environment.isolate()
    domains = claim_domains()
    with tempfile.TemporaryDirectory(prefix='viam_session_bridge_faults.') as folder:
        place = Path(folder)
        results = _play(Stage(place, domains), drawn, began + options.minutes * 60.0)
        proofs = []
        for proof in prove(place, domains, _breakages(options), seed, _sound(results)):
            proofs.append(proof)
            _say_proof(proof)
    dds_environment.remove_leftovers()
    dds_environment.release()
    status = _report(options, seed, results, proofs, time.monotonic() - began)
    return status if len(results) == len(drawn) else 1


def _sound(results: list[Result]) -> set[str]:
    """Return the kinds that this run has shown the whole product to pass."""
    shown = {result.kind for result in results if not result.not_shown}
    return shown - {result.kind for result in results if not result.good}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Make faults and report unsafe time.')
    parser.add_argument('--faults', type=int, default=0, help='how many; 0: one of each kind')
    parser.add_argument('--quick', action='store_true', help='the quick kinds only')
    parser.add_argument('--only', nargs='*', choices=KINDS, metavar='KIND', default=None,
                        help='these kinds only; without a name, none')
    parser.add_argument('--seed', type=int, help='what is drawn; a new one by default')
    parser.add_argument('--variant', type=int, help='the robot of every scene (profiles.py)')
    parser.add_argument('--breakages', nargs='*', choices=BREAKAGES, metavar='NAME', default=None,
                        help='prove that these breakages of the product are caught; without a '
                             'name, all of them')
    parser.add_argument('--minutes', type=float, default=60.0,
                        help='begin no fault after so long')
    parser.add_argument('--json', type=Path, help='write everything to this file')
    parser.add_argument('--document', type=Path, help='write a page to this file')
    return parser.parse_args()


def _breakages(options: argparse.Namespace) -> list[str]:
    return list(BREAKAGES if options.breakages == [] else options.breakages or ())


def _play(stage: Stage, drawn: list[Drawn], end: float) -> list[Result]:
    results = []
    try:
        for number, one in enumerate(drawn, 1):
            if time.monotonic() >= end:
                print(f'time is over: {len(drawn) - number + 1} faults were not made')
                break
            result = stage.play(one)
            results.append(result)
            _say(f'{number}/{len(drawn)}', result)
            if not result.good:
                print(stage.last_log, flush=True)
    finally:
        stage.close()
    return results


def _say(number: str, result: Result) -> None:
    verdict = f'unsafe {result.unsafe:.3f} s' if result.unsafe else 'good'
    if result.problems:
        verdict = 'PROBLEM: ' + '; '.join([verdict, *result.problems])
    if result.not_shown:
        verdict = f'NOT SHOWN: {result.not_shown}'
    reaction = '-' if result.reaction is None else f'{result.reaction:.3f} s'
    print(f'{number:>8} {result.kind} --seed {result.seed} --variant {result.variant}: '
          f'reaction {reaction} of {result.bound:g} s; stops {result.stops}; {verdict} '
          f'[{result.took:.1f} s]',
          flush=True)


def _say_proof(proof: Proof) -> None:
    verdict = f'caught: {proof.by}' if proof.caught else f'NOT CAUGHT {proof.by}'
    if proof.not_shown:
        verdict = f'NOT SHOWN: {proof.not_shown}'
    print(f'breakage {proof.name} ({proof.kind}): {verdict}', flush=True)


def _report(options: argparse.Namespace, seed: int, results: list[Result], proofs: list[Proof],
            took: float) -> int:
    table = report.rows(KINDS.values(), results)
    total = report.summary(table, seed, took)
    print('\n' + report.plain(table) + f'\n\n{total}')
    if options.json:
        options.json.write_text(
            json.dumps(report.data(total, table, results, proofs), indent=1), encoding='utf-8')
    if options.document:
        options.document.write_text(document.page(total, table, proofs), encoding='utf-8')
    good = all(result.good for result in results) and all(proof.good for proof in proofs)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
