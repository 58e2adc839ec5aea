# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The scenarios of the demo: the fault, and the expected result.

To add one: write a function that runs it on a Harness and returns a Report, and list it in
SCENARIOS. `description` and `expected` may contain {window}, the heartbeat window, {patience}, the
guard's, and {limit}, in s.
"""

from collections.abc import Callable
from dataclasses import dataclass
import signal

from viam_session_bridge.cli.harness import Harness, REST_DWELL
from viam_session_bridge.cli.processes import Child, is_frozen
from viam_session_bridge.cli.timeline import Report, seconds
from viam_session_bridge.sim.diff_drive import steady_now

# How long (s) after a client was killed, or after its window, the robot may still move. The bridge
# needs some milliseconds and the brakes 0.13 s; the rest is for a busy machine.
LIMIT = 0.5

# Without reports of the robot for longer than this (s), the result does not count.
SILENCE = 0.25

# How much longer (s) a robot that does not stop is recorded.
LATE = 1.5


@dataclass(frozen=True)
class Scenario:
    """One scenario; name is its name on the command line."""

    name: str
    title: str
    description: str
    expected: str
    run: Callable[[Harness], Report]


def run_killed(harness: Harness) -> Report:
    """Kill a program that drives."""
    program = harness.start_program('program A', power=1.0, period=0.1)
    harness.watch(1.5)
    killed = steady_now()
    program.kill()
    report = Report(zero=killed)
    report.event(killed, 'program A is killed (SIGKILL)')
    _add_last_command(report, program, 'program A', killed)
    _add_driving(report, harness, killed, harness.facts.full_speed)
    _add_stop(report, harness, killed, 'program A was killed', LIMIT)
    return report


def run_frozen(harness: Harness) -> Report:
    """Freeze a program that drives."""
    window = harness.facts.window
    program = harness.start_program('program A', power=1.0, period=0.1)
    harness.watch(1.5)
    freeze = steady_now()
    program.send(signal.SIGSTOP)
    harness.wait(lambda: is_frozen(program.pid), 5.0, 'program A did not freeze', program)
    report = Report(zero=freeze)
    report.event(freeze, 'program A is frozen (SIGSTOP); its connection stays open')
    _add_last_command(report, program, 'program A', freeze)
    _add_driving(report, harness, freeze, harness.facts.full_speed)
    first_zero = _add_stop(report, harness, freeze, 'program A was frozen', window + LIMIT)
    report.check(first_zero is not None and first_zero - freeze >= window / 2.0,
                 f'not before {seconds(window / 2.0)}: a short delay causes no stop')
    report.check(is_frozen(program.pid), 'program A was frozen all the time')
    return report


def run_takeover(harness: Harness) -> Report:
    """Let B take over from A, kill A, then B."""
    track, full_speed = harness.observer.track, harness.facts.full_speed
    first = harness.start_program('program A', power=0.5, period=0.0)
    harness.watch(1.0)
    b_starts = steady_now()
    second = harness.start_program('program B', power=1.0, period=0.0)
    taken_over = track.first_command(b_starts, full_speed)
    harness.watch(0.5)
    killed_a = steady_now()
    first.kill()
    # Longer than the window: neither A's closed connection nor its lapsed session may stop B.
    pause = harness.facts.window + 0.5
    harness.say(f'  program A was killed; program B drives on for {pause:g} s ...')
    harness.watch(pause)
    killed_b = steady_now()
    second.kill()
    report = Report(zero=killed_a)
    _add_last_command(report, first, 'program A', killed_a)
    report.event(taken_over, 'the robot receives its first command from program B')
    report.event(killed_a, 'program A is killed (SIGKILL)')
    report.event(killed_b, 'program B is killed (SIGKILL)')
    zero = track.first_command(killed_a, 0.0)
    slowest = track.slowest(killed_a, killed_b)
    report.check((zero is None or zero > killed_b) and slowest > 0.9 * full_speed,
                 f'the robot drove on after program A was killed (slowest: {slowest:.2f} m/s)')
    _add_stop(report, harness, killed_b, 'program B was killed', LIMIT)
    if report.passed:
        report.summary = f'drove on after program A was killed; {report.summary}'
    return report


def run_bridge_killed(harness: Harness) -> Report:
    """Kill the bridge itself while a program drives, and start it again."""
    patience, track = harness.facts.patience, harness.observer.track
    program = harness.start_program('program A', power=1.0, period=0.1)
    harness.watch(1.5)
    killed = steady_now()
    harness.kill_bridge()
    report = Report(zero=killed)
    report.event(killed, 'the bridge is killed (SIGKILL); program A still runs')
    _add_last_command(report, program, 'program A', killed)
    _add_driving(report, harness, killed, harness.facts.full_speed)
    first_zero = _add_stop(report, harness, killed, 'the bridge was killed', patience + LIMIT)
    report.check(first_zero is not None and first_zero - killed >= patience / 2.0,
                 f'not before {seconds(patience / 2.0)}: a short delay counts as no failure')
    harness.end_programs()
    harness.say('  the bridge is started again ...')
    again = steady_now()
    harness.restart_bridge()
    harness.watch(REST_DWELL)
    report.event(again, 'the bridge is started again')
    report.check(track.rest_since(again) is not None,
                 'nothing moved by itself after the bridge was started again', safety=True)
    return report


def _add_last_command(report: Report, program: Child, name: str, before: float) -> None:
    times = [float(line.split()[1]) for line in program.output().splitlines()
             if line.startswith('command ')]
    last = max((instant for instant in times if instant <= before), default=None)
    report.event(last, f'last command of {name}', f'{name} sent no command')


def _add_driving(report: Report, harness: Harness, before: float, wanted: float) -> None:
    slowest = harness.observer.track.slowest(before - 1.0, before)
    report.check(slowest > 0.9 * wanted,
                 f'the robot was driving until then (slowest: {slowest:.2f} m/s)')


def _add_silence(report: Report, harness: Harness, begin: float) -> None:
    silence = harness.observer.track.longest_silence(begin, steady_now())
    report.disturbed = silence > SILENCE
    report.check(not report.disturbed,
                 f'the robot reported all the time (longest gap: {silence:.2f} s)')


def _add_stop(report: Report, harness: Harness, cause: float, name: str,
              limit: float) -> float | None:
    """Wait until the robot rests, and report it; returns when the first zero cmd_vel arrived."""
    harness.watch_for_rest(cause, limit + LATE)
    _add_silence(report, harness, report.zero)
    track = harness.observer.track
    first_zero, rest = track.first_command(cause, 0.0), track.rest_since(cause)
    report.event(first_zero, 'first zero cmd_vel received by the robot',
                 'the robot received no zero cmd_vel')
    report.event(rest, 'robot at rest',
                 f'the robot drives at {harness.speed:.2f} m/s in its last report')
    if rest is None:
        report.summary = f'not seen at rest {seconds(steady_now() - cause)} after {name}'
        report.check(False, f'at rest at most {seconds(limit)} after {name}', safety=True)
        return first_zero
    way = track.way(cause, rest)
    report.remarks.append(f'distance travelled after {name}: {way * 1e3:.0f} mm')
    report.summary = f'at rest {seconds(rest - cause)} after {name}, {way * 1e3:.0f} mm further'
    report.check(rest - cause <= limit,
                 f'at rest {seconds(rest - cause)} after {name}, allowed {seconds(limit)}',
                 safety=True)
    report.check(first_zero is not None, 'a zero cmd_vel stopped it')
    return first_zero


SCENARIOS = (
    Scenario(
        'killed', 'The program is killed',
        'A Viam SDK program drives the robot. Then it receives SIGKILL: it can neither stop the '
        'robot nor close its session. The robot has no command timeout: without a stop, it would '
        'drive on for ever.',
        'The bridge detects the closed connection and stops the robot at once, not only after the '
        'heartbeat window ({window:g} s): at rest within {limit:g} s, braking included.',
        run_killed),
    Scenario(
        'frozen', 'The program freezes',
        'The program receives SIGSTOP, as if it hung: its connection stays open, but it sends no '
        'heartbeats.',
        'The session ends one heartbeat window ({window:g} s) after the last heartbeat, and with '
        'it the motion: at rest within the window and {limit:g} s.',
        run_frozen),
    Scenario(
        'takeover', 'One program takes over from another',
        'Program A drives at half speed. Program B commands full speed, so B owns the robot. Each '
        'sends one command only: it holds while its program runs. A is killed, later B.',
        'After A is killed the robot drives on: A does not own it any more. After B is killed it '
        'is at rest within {limit:g} s.',
        run_takeover),
    Scenario(
        'bridge', 'The bridge itself is killed',
        'A program drives, and the bridge receives SIGKILL. The program still runs and commands '
        'the robot, but nothing monitors it any more, and the robot has no command timeout.',
        'The guard, a separate process, receives no pulse from the bridge any more and stops the '
        'robot: at rest within its patience ({patience:g} s) and {limit:g} s. Nothing moves by '
        'itself when the bridge is started again.',
        run_bridge_killed),
)
