# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Shows the main function: a Viam program drives a simulated robot and ends, and the robot stops.

This module runs the scenarios in `scenarios`. Exit status: 0 if every scenario passed, 1 if one
failed, 2 if the demo could not start, 130 if it was interrupted.
"""

import sys

from viam_session_bridge.executables import start

if __name__ == '__main__':
    sys.exit(start('demo'))

# ruff: noqa: E402  what is imported from here on takes a second
import argparse  # noqa: I100
from collections.abc import Mapping, Sequence
import importlib.util
from pathlib import Path
import signal
import tempfile
import time
from types import FrameType

import rclpy
from rclpy.signals import SignalHandlerOptions

from viam_session_bridge.cli.harness import Harness, HarnessError, OPEN, REST_DWELL, secured
from viam_session_bridge.cli.isolation import isolated
from viam_session_bridge.cli.lab_certificate import Refused
from viam_session_bridge.cli.plot import load_pyplot, PlotError, write
from viam_session_bridge.cli.scenarios import LIMIT, Scenario, SCENARIOS
from viam_session_bridge.cli.serve import serve
from viam_session_bridge.cli.timeline import paragraph, WIDTH
from viam_session_bridge.key_file import KeyFileError

EXIT_FAILED = 1
EXIT_CANNOT_BEGIN = 2
EXIT_INTERRUPTED = 130

PACKAGE = 'viam_session_bridge'

WELCOME = """\
A simulated robot, the bridge, its guard and Viam SDK programs run as separate processes, in ROS
domain {domain} and on this machine only: no real robot receives commands. To watch with ROS tools:
    ROS_DOMAIN_ID={domain} ros2 topic echo /odom"""

SECURED = """
The bridge requires an API key from each program and serves with TLS; the programs verify its
certificate with the CA that was created for this run."""

NO_SDK = """\
The demo drives the robot with a real Viam program, and the Viam SDK is not installed for
{python}.
In a checkout `make demo` installs it in a virtual environment. Otherwise:
    {python} -m pip install viam-sdk"""

DISTURBED = (
    'Not counted, run again: this machine is so busy that the bridge or the robot was delayed '
    '(see their logs). A bridge that was delayed stops every motion, because it may have missed '
    'events. The robot was not unsafe.')

# How often a scenario may run until it is undisturbed.
ATTEMPTS = 3

EPILOG = """\
Arguments after --ros-args are passed to the bridge. For example, switch off the function that
the first scenario shows, so that it fails:
    --ros-args -p sessions.stop_on_disconnect:=false"""


class Interruption:
    """
    A signal to end: the handler stores it, and the demo acts on it where it waits.

    An exception that is raised in the handler itself is lost if the signal arrives while a
    callback of the interpreter runs (a destructor, a weak reference).
    """

    def __init__(self) -> None:
        self._requested = False

    def request(self, number: int, frame: FrameType | None) -> None:
        """Store a signal."""
        self._requested = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has arrived."""
        if self._requested:
            raise KeyboardInterrupt


def say(text: str = '') -> None:
    """Print at once, also into a pipe or a log file."""
    print(text, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the scenarios; the module's docstring has the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    split = words.index('--ros-args') if '--ros-args' in words else len(words)
    arguments = _parse(words[:split])
    if arguments.serve is None and importlib.util.find_spec('viam') is None:
        print(NO_SDK.format(python=sys.executable), file=sys.stderr)
        return EXIT_CANNOT_BEGIN
    params_file = arguments.params_file or _find_params_file()
    if params_file is None:
        print('config/demo.yaml was not found; name it with --params-file', file=sys.stderr)
        return EXIT_CANNOT_BEGIN
    if arguments.plot is not None:
        try:
            load_pyplot()
        except PlotError as problem:
            print(problem, file=sys.stderr)
            return EXIT_CANNOT_BEGIN
    interruption = Interruption()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interruption.request)
    chosen = arguments.scenario or _names()
    scenarios = [scenario for scenario in SCENARIOS if scenario.name in chosen]
    try:
        with tempfile.TemporaryDirectory(prefix=f'{PACKAGE}_demo_') as folder, \
                isolated(arguments.domain, folder) as domain:
            say(WELCOME.format(domain=domain))
            passed_on = words[split + 1:]
            if arguments.serve is not None:
                passed_on = ['-p', f'grpc.port:={arguments.serve}', *passed_on]
            rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
            access = OPEN
            if arguments.secure:
                access = secured(Path(folder) / 'access')
                say(SECURED)
            harness = Harness(
                Path(folder), params_file, passed_on, say, interruption.check, access)
            try:
                return (_run_all(scenarios, harness, arguments.plot) if arguments.serve is None
                        else serve(harness, say))
            finally:
                rclpy.try_shutdown()
    except (Refused, KeyFileError, PlotError) as problem:
        print(problem, file=sys.stderr)
        return EXIT_CANNOT_BEGIN
    except KeyboardInterrupt:
        say('\ninterrupted; all processes of the demo were ended')
        return EXIT_INTERRUPTED


def _names() -> list[str]:
    return [scenario.name for scenario in SCENARIOS]


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='demo', epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
        description='Watch a simulated robot stop when the Viam program that drives it ends.')
    # Not choices=: argparse of Python 3.10 and 3.11 would refuse an empty list.
    parser.add_argument('scenario', nargs='*', metavar='SCENARIO', type=_scenario_name,
                        help=f'which scenarios to run: {", ".join(_names())}; default: all')
    parser.add_argument('--params-file', type=Path, metavar='FILE',
                        help='parameter file of the bridge; default: config/demo.yaml')
    parser.add_argument('--domain', type=int, metavar='N',
                        help='ROS domain of the demo, to watch with ROS tools; default: a free '
                             'one')
    parser.add_argument('--serve', type=int, metavar='PORT',
                        help='run no scenario, and keep the robot, its bridge and its guard '
                             'running for programs that connect to this port, until Ctrl-C')
    parser.add_argument('--secure', action='store_true',
                        help='the bridge requires an API key and serves with TLS; key, CA and '
                             'certificate are created for this run')
    parser.add_argument('--plot', type=Path, metavar='FILE',
                        help='draw the timeline of the first scenario: commands, events, speed of '
                             'the robot (needs matplotlib); .svg, .png or .pdf')
    return parser.parse_args(words)


def _scenario_name(text: str) -> str:
    if text not in _names():
        raise argparse.ArgumentTypeError(f'no scenario {text!r}; there are: {", ".join(_names())}')
    return text


def _find_params_file() -> Path | None:
    """Return config/demo.yaml of the checkout, or where colcon or pip has installed it."""
    beside = Path(__file__).resolve().parents[2] / 'config'
    # colcon installs into <prefix>/lib/pythonX.Y/site-packages, pip likewise.
    prefixes = [*Path(__file__).resolve().parents, Path(sys.prefix)]
    for folder in (beside, *(prefix / 'share' / PACKAGE / 'config' for prefix in prefixes)):
        if (folder / 'demo.yaml').is_file():
            return folder / 'demo.yaml'
    return None


def _run_all(scenarios: Sequence[Scenario], harness: Harness, plot: Path | None) -> int:
    began = time.monotonic()
    results: list[tuple[Scenario, bool, str]] = []
    try:
        say('starting the robot, the bridge and the guard ...')
        harness.open()
        for number, scenario in enumerate(scenarios, start=1):
            say(f'\n{"-" * WIDTH}\nScenario {number} of {len(scenarios)}: {scenario.title}\n')
            results.append((scenario, *_run(scenario, harness, plot if number == 1 else None)))
    except HarnessError as problem:
        say(f'\nFAIL  {problem}')
        _show_log(problem.log)
    finally:
        statuses = harness.close()
    for child in (harness.bridge, harness.guard):
        if statuses[child.name]:
            _show_log(child.tail(), f' of the {child.name}')
    return _sum_up(scenarios, results, statuses, time.monotonic() - began)


def _run(scenario: Scenario, harness: Harness, plot: Path | None = None) -> tuple[bool, str]:
    """Run one scenario and print it; returns whether it passed, and a summary."""
    numbers = {'window': harness.facts.window, 'limit': LIMIT, 'patience': harness.facts.patience}
    say(paragraph(scenario.description.format(**numbers)))
    say(paragraph('Expected: ' + scenario.expected.format(**numbers)))
    for attempts_left in reversed(range(ATTEMPTS)):
        say()
        stalls = harness.stalls()
        try:
            report = scenario.run(harness)
        except HarnessError as problem:
            say(f'\n  FAIL  {problem}')
            _show_log(problem.log)
            return False, str(problem)
        finally:
            harness.end_programs()
        # Unsafe motion always fails the scenario, whatever the delay.
        disturbed = report.disturbed or harness.stalls() != stalls
        if report.passed or report.unsafe or not disturbed or not attempts_left:
            break
        say('\n'.join(['', *report.lines(), '', paragraph(DISTURBED)]))
        harness.watch(REST_DWELL)
    say('\n'.join(['', *report.lines()]))
    say(f'\n  {"PASS" if report.passed else "FAIL"}')
    if plot is not None:
        write(plot, scenario.title, report, harness.observer.track)
        say(f'  the timeline is drawn in {plot}')
    if not report.passed:
        _show_log(harness.bridge.tail(), ' of the bridge')
        _show_log(harness.guard.tail(), ' of the guard')
        _show_log(harness.robot.tail(), ' of the robot')
    return report.passed, report.summary


def _show_log(text: str, whose: str = '') -> None:
    if text:
        say(f'\n  The end of the log{whose}:')
        say('\n'.join(f'  | {line}' for line in text.splitlines()))


def _sum_up(scenarios: Sequence[Scenario], results: Sequence[tuple[Scenario, bool, str]],
            statuses: Mapping[str, int], duration: float) -> int:
    say(f'\n{"-" * WIDTH}')
    for scenario, passed, summary in results:
        say(f'{"PASS" if passed else "FAIL"}  {scenario.name:10}{summary}')
    for scenario in scenarios[len(results):]:
        say(f'FAIL  {scenario.name:10}not run')
    for name, status in statuses.items():
        if status:
            say(f'FAIL  the {name} ended with exit status {status}')
    good = (not any(statuses.values()) and len(results) == len(scenarios)
            and all(passed for _, passed, _ in results))
    say(f'\n{"All scenarios passed" if good else "Not all scenarios passed"} '
        f'({duration:.0f} s).')
    return 0 if good else EXIT_FAILED
