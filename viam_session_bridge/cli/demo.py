# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Shows the main job: a Viam program drives a simulated robot and vanishes, and the robot stops.

Here belongs the course of the evening; what is played is in `stories`. Exit status: 0 when every
story went as it must, 1 when one did not, 2 when it could not begin, 130 when interrupted.
"""

import argparse
from collections.abc import Mapping, Sequence
import importlib.util
from pathlib import Path
import signal
import sys
import tempfile
import time
from types import FrameType

import rclpy
from rclpy.signals import SignalHandlerOptions

from viam_session_bridge.cli.harness import Harness, HarnessError, OPEN, REST_DWELL, secured
from viam_session_bridge.cli.isolation import isolated
from viam_session_bridge.cli.lab_certificate import Refused
from viam_session_bridge.cli.scenarios import LIMIT, Scenario, STORIES
from viam_session_bridge.cli.serve import serve
from viam_session_bridge.cli.timeline import paragraph, WIDTH
from viam_session_bridge.key_file import KeyFileError

EXIT_FAILED = 1
EXIT_CANNOT_BEGIN = 2
EXIT_INTERRUPTED = 130

PACKAGE = 'viam_session_bridge'

WELCOME = """\
A simulated robot, the bridge, its guard and Viam SDK programs, each a process of its own, in ROS
domain {domain} and on this machine only: no real robot can hear them. To look on with ROS tools:
    ROS_DOMAIN_ID={domain} ros2 topic echo /odom"""

SECURED = """
The bridge asks each program for an API key and serves with TLS; the programs verify its
certificate with the CA that was made for this run."""

NO_SDK = """\
The demo drives the robot with a real Viam program, and the Viam SDK is not installed for
{python}.
In a checkout `make demo` installs it in an environment of its own. Otherwise:
    {python} -m pip install viam-sdk"""

DISTURBED = (
    'Not counted, played again: this machine is so busy that it held up the bridge or the robot '
    '(their logs say so). A bridge that was held up stops every motion, because it cannot know '
    'what it missed. The robot was not unsafe.')

# How often a story may be played until it is undisturbed.
PLAYS = 3

EPILOG = """\
What follows --ros-args is passed on to the bridge. See the first story fail, for example, by
switching off what it shows:
    --ros-args -p sessions.stop_on_disconnect:=false"""


class Interruption:
    """
    A signal to end, taken note of when it comes and acted upon where the demo waits.

    An exception that is raised in the handler itself is lost when the signal comes while a
    callback of the interpreter runs (a destructor, a weak reference).
    """

    def __init__(self) -> None:
        self._requested = False

    def request(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self._requested = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if one has come."""
        if self._requested:
            raise KeyboardInterrupt


def say(text: str = '') -> None:
    """Print at once, also into a pipe or a log file."""
    print(text, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Play the stories; see the module's text for the exit status."""
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
    interruption = Interruption()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interruption.request)
    stories = [story for story in STORIES if story.name in (arguments.story or _names())]
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
            stage = Harness(Path(folder), params_file, passed_on, say, interruption.check, access)
            try:
                return (_perform(stories, stage) if arguments.serve is None
                        else serve(stage, say))
            finally:
                rclpy.try_shutdown()
    except (Refused, KeyFileError) as problem:
        print(problem, file=sys.stderr)
        return EXIT_CANNOT_BEGIN
    except KeyboardInterrupt:
        say('\ninterrupted; everything that was started is ended')
        return EXIT_INTERRUPTED


def _names() -> list[str]:
    return [story.name for story in STORIES]


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='demo', epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
        description='Watch a simulated robot stop when the Viam program that drives it vanishes.')
    # Not choices=: argparse of Python 3.10 and 3.11 would refuse that there are none.
    parser.add_argument('story', nargs='*', metavar='STORY', type=_story_name,
                        help=f'which stories to play: {", ".join(_names())}; default: all')
    parser.add_argument('--params-file', type=Path, metavar='FILE',
                        help='parameter file of the bridge; default: config/demo.yaml')
    parser.add_argument('--domain', type=int, metavar='N',
                        help='ROS domain to play in, to watch with ROS tools; default: a free one')
    parser.add_argument('--serve', type=int, metavar='PORT',
                        help='play nothing, and keep the robot, its bridge and its guard running '
                             'for programs that connect to this port, until Ctrl-C')
    parser.add_argument('--secure', action='store_true',
                        help='the bridge asks for an API key and serves with TLS; key, CA and '
                             'certificate are made for this run')
    return parser.parse_args(words)


def _story_name(text: str) -> str:
    if text not in _names():
        raise argparse.ArgumentTypeError(f'no story {text!r}; there are: {", ".join(_names())}')
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


def _perform(stories: Sequence[Scenario], stage: Harness) -> int:
    began = time.monotonic()
    results: list[tuple[Scenario, bool, str]] = []
    try:
        say('starting the robot, the bridge and the guard ...')
        stage.open()
        for number, story in enumerate(stories, start=1):
            say(f'\n{"-" * WIDTH}\nStory {number} of {len(stories)}: {story.title}\n')
            results.append((story, *_play(story, stage)))
    except HarnessError as problem:
        say(f'\nFAIL  {problem}')
        _show_log(problem.log)
    finally:
        statuses = stage.close()
    return _sum_up(stories, results, statuses, time.monotonic() - began)


def _play(story: Scenario, stage: Harness) -> tuple[bool, str]:
    """Play one story and tell it; returns whether it went as it must, and a summary."""
    numbers = {'window': stage.facts.window, 'limit': LIMIT, 'patience': stage.facts.patience}
    say(paragraph(story.plot.format(**numbers)))
    say(paragraph('What must happen: ' + story.must.format(**numbers)))
    for plays_left in reversed(range(PLAYS)):
        say()
        stalls = stage.stalls()
        try:
            report = story.play(stage)
        except HarnessError as problem:
            say(f'\n  FAIL  {problem}')
            _show_log(problem.log)
            return False, str(problem)
        finally:
            stage.end_programs()
        # Whoever moved when it must not gets no second chance, whatever held it up.
        disturbed = report.disturbed or stage.stalls() != stalls
        if report.passed or report.unsafe or not disturbed or not plays_left:
            break
        say('\n'.join(['', *report.lines(), '', paragraph(DISTURBED)]))
        stage.watch(REST_DWELL)
    say('\n'.join(['', *report.lines()]))
    say(f'\n  {"PASS" if report.passed else "FAIL"}')
    if not report.passed:
        _show_log(stage.bridge.tail(), ' of the bridge')
        _show_log(stage.guard.tail(), ' of the guard')
        _show_log(stage.robot.tail(), ' of the robot')
    return report.passed, report.summary


def _show_log(text: str, whose: str = '') -> None:
    if text:
        say(f'\n  The end of the log{whose}:')
        say('\n'.join(f'  | {line}' for line in text.splitlines()))


def _sum_up(stories: Sequence[Scenario], results: Sequence[tuple[Scenario, bool, str]],
            statuses: Mapping[str, int], duration: float) -> int:
    say(f'\n{"-" * WIDTH}')
    for story, passed, summary in results:
        say(f'{"PASS" if passed else "FAIL"}  {story.name:10}{summary}')
    for story in stories[len(results):]:
        say(f'FAIL  {story.name:10}not played')
    for name, status in statuses.items():
        if status:
            say(f'FAIL  the {name} ended with exit status {status}')
    good = (not any(statuses.values()) and len(results) == len(stories)
            and all(passed for _, passed, _ in results))
    say(f'\n{"All went as it must" if good else "Not everything went as it must"} '
        f'({duration:.0f} s).')
    return 0 if good else EXIT_FAILED


if __name__ == '__main__':
    sys.exit(main())
