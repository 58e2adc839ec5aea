# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The stories of the demo: what is done to whom, and what must come of it.

To add one: write a function that plays it on a Stage and returns a Report, and list it in
STORIES. `plot` and `must` may contain {window}, the heartbeat window, {patience}, the guard's, and
{limit}, in s.
"""

from collections.abc import Callable
from dataclasses import dataclass
import signal

from viam_session_bridge.cli.harness import Harness, REST_DWELL
from viam_session_bridge.cli.processes import Child, is_frozen
from viam_session_bridge.cli.timeline import Report, seconds
from viam_session_bridge.sim.diff_drive import steady_now

# How long (s) after a client's death, or after its window, the robot may still move. The bridge
# needs some milliseconds and the brakes 0.13 s; the rest is for a busy machine.
LIMIT = 0.5

# Without reports of the robot for longer than this (s), nothing is shown.
SILENCE = 0.25

# How much longer (s) is watched when a robot does not stop, to say so.
LATE = 1.5


@dataclass(frozen=True)
class Scenario:
    """One story; name is how the command line calls it."""

    name: str
    title: str
    plot: str
    must: str
    play: Callable[[Harness], Report]


def play_killed(stage: Harness) -> Report:
    """Kill a program that drives."""
    program = stage.start_program('program A', power=1.0, period=0.1)
    stage.watch(1.5)
    death = steady_now()
    program.kill()
    report = Report(zero=death)
    report.event(death, 'program A dies (SIGKILL)')
    _tell_last_command(report, program, 'program A', death)
    _tell_driving(report, stage, death, stage.facts.full_speed)
    _tell_stop(report, stage, death, 'the death of program A', LIMIT)
    return report


def play_frozen(stage: Harness) -> Report:
    """Freeze a program that drives."""
    window = stage.facts.window
    program = stage.start_program('program A', power=1.0, period=0.1)
    stage.watch(1.5)
    freeze = steady_now()
    program.send(signal.SIGSTOP)
    stage.wait(lambda: is_frozen(program.pid), 5.0, 'program A did not freeze', program)
    report = Report(zero=freeze)
    report.event(freeze, 'program A freezes (SIGSTOP); its connection stays open')
    _tell_last_command(report, program, 'program A', freeze)
    _tell_driving(report, stage, freeze, stage.facts.full_speed)
    first_zero = _tell_stop(report, stage, freeze, 'the freeze', window + LIMIT)
    report.check(first_zero is not None and first_zero - freeze >= window / 2.0,
                 f'not before {seconds(window / 2.0)}: a short hiccup is no reason to stop')
    report.check(is_frozen(program.pid), 'program A was there all the time, frozen')
    return report


def play_takeover(stage: Harness) -> Report:
    """Let B take over from A, kill A, then B."""
    track, full_speed = stage.observer.track, stage.facts.full_speed
    first = stage.start_program('program A', power=0.5, period=0.0)
    stage.watch(1.0)
    b_starts = steady_now()
    second = stage.start_program('program B', power=1.0, period=0.0)
    taken_over = track.first_command(b_starts, full_speed)
    stage.watch(0.5)
    death_a = steady_now()
    first.kill()
    # Longer than the window: neither A's closed connection nor its lapsed session may stop B.
    pause = stage.facts.window + 0.5
    stage.say(f'  program A is dead; program B drives on, we look on for {pause:g} s ...')
    stage.watch(pause)
    death_b = steady_now()
    second.kill()
    report = Report(zero=death_a)
    _tell_last_command(report, first, 'program A', death_a)
    report.event(taken_over, 'the robot takes its first command from program B')
    report.event(death_a, 'program A dies (SIGKILL)')
    report.event(death_b, 'program B dies (SIGKILL)')
    zero = track.first_command(death_a, 0.0)
    slowest = track.slowest(death_a, death_b)
    report.check((zero is None or zero > death_b) and slowest > 0.9 * full_speed,
                 f'the robot drove on when program A died (slowest: {slowest:.2f} m/s)')
    _tell_stop(report, stage, death_b, 'the death of program B', LIMIT)
    if report.passed:
        report.summary = f'drove on when program A died; {report.summary}'
    return report


def play_bridge_killed(stage: Harness) -> Report:
    """Kill the bridge itself while a program drives, and start it again."""
    patience, track = stage.facts.patience, stage.observer.track
    program = stage.start_program('program A', power=1.0, period=0.1)
    stage.watch(1.5)
    death = steady_now()
    stage.kill_bridge()
    report = Report(zero=death)
    report.event(death, 'the bridge dies (SIGKILL); program A lives on')
    _tell_last_command(report, program, 'program A', death)
    _tell_driving(report, stage, death, stage.facts.full_speed)
    first_zero = _tell_stop(report, stage, death, 'the death of the bridge', patience + LIMIT)
    report.check(first_zero is not None and first_zero - death >= patience / 2.0,
                 f'not before {seconds(patience / 2.0)}: a short hiccup is no death')
    stage.end_programs()
    stage.say('  the bridge is started again ...')
    again = steady_now()
    stage.restart_bridge()
    stage.watch(REST_DWELL)
    report.event(again, 'the bridge is started again')
    report.check(track.rest_since(again) is not None,
                 'nothing moved by itself when the bridge was back', safety=True)
    return report


def _tell_last_command(report: Report, program: Child, name: str, before: float) -> None:
    times = [float(line.split()[1]) for line in program.output().splitlines()
             if line.startswith('command ')]
    last = max((instant for instant in times if instant <= before), default=None)
    report.event(last, f'last command of {name}', f'{name} never gave a command')


def _tell_driving(report: Report, stage: Harness, before: float, wanted: float) -> None:
    slowest = stage.observer.track.slowest(before - 1.0, before)
    report.check(slowest > 0.9 * wanted,
                 f'the robot was driving until then (slowest: {slowest:.2f} m/s)')


def _tell_silence(report: Report, stage: Harness, begin: float) -> None:
    silence = stage.observer.track.longest_silence(begin, steady_now())
    report.disturbed = silence > SILENCE
    report.check(not report.disturbed,
                 f'the robot reported all the time (longest gap: {silence:.2f} s)')


def _tell_stop(report: Report, stage: Harness, cause: float, name: str,
               limit: float) -> float | None:
    """Look on until the robot rests, and tell it; returns the first zero cmd_vel's arrival."""
    stage.watch_for_rest(cause, limit + LATE)
    _tell_silence(report, stage, report.zero)
    track = stage.observer.track
    first_zero, rest = track.first_command(cause, 0.0), track.rest_since(cause)
    report.event(first_zero, 'first zero cmd_vel received by the robot',
                 'the robot received no zero cmd_vel')
    report.event(rest, 'robot at rest',
                 f'the robot drives at {stage.speed:.2f} m/s in its last report')
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
    report.check(first_zero is not None, 'a zero cmd_vel made it stop')
    return first_zero


STORIES = (
    Scenario(
        'killed', 'The program is killed',
        'A Viam SDK program drives the robot. Then it gets SIGKILL: it can neither stop the robot '
        'nor say goodbye. The robot has no command timeout: left alone, it would drive on for '
        'ever.',
        'The bridge sees the connection close and stops the robot at once, not only when the '
        'heartbeat window ({window:g} s) is over: at rest within {limit:g} s, braking included.',
        play_killed),
    Scenario(
        'frozen', 'The program freezes',
        'The program gets SIGSTOP, as if it hung: its connection stays open, but its heartbeats '
        'cease.',
        'The session ends one heartbeat window ({window:g} s) after its last sign of life, and '
        'with it the motion: at rest within the window and {limit:g} s.',
        play_frozen),
    Scenario(
        'takeover', 'One program takes over from another',
        "Program A drives at half speed. Program B commands full speed, so the robot is B's. Each "
        'gives one command only: it holds as long as its program lives. A is killed, later B.',
        "When A dies the robot drives on: it is not A's any more. When B dies it is at rest "
        'within {limit:g} s.',
        play_takeover),
    Scenario(
        'bridge', 'The bridge itself is killed',
        'A program drives, and the bridge gets SIGKILL. The program is there and wants the robot '
        'to drive, but nobody watches over it any more, and the robot has no command timeout.',
        "The guard, a process of its own, hears the bridge's pulse cease and stops the robot: at "
        'rest within its patience ({patience:g} s) and {limit:g} s. Nothing moves by itself when '
        'the bridge is started again.',
        play_bridge_killed),
)
