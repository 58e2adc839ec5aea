# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A pose is pursued by a node of its own, which streams to the controller of the joints.

Holding the joints does not stop it: its next message overrides the hold. It must receive another
pose from the process that stops the arm: a guard, or a bridge that replaced a killed one.
"""

import time
from typing import Any

from processes import Bridge, Program, Programs, settings, TEST, wait_until
from simulated_joints import SimulatedJoints

FOLLOWER = TEST / 'system' / 'programs' / 'pose_follower.py'
PATIENCE = 1.0  # s, of the guard

ARM: dict[str, Any] = {
    'api': 'arm', 'driver': 'joint_trajectory', 'topic': 'trajectory', 'joints': ['slide'],
    'prismatic_joints': ['slide'], 'joint_states_topic': 'joints', 'max_joint_speed': 0.1,
    'pose_topic': 'tip', 'pose_goal_topic': 'goal', 'stop_hold': 0.5}


class Follower(Program):
    """Pursues poses; when it receives one is kept (s)."""

    def __init__(self, bridge: Bridge) -> None:
        self.poses: list[float] = []
        self._ready = False
        super().__init__(FOLLOWER, '--joint=slide', *(f'--{word}={bridge.topic(topic)}' for (
            word, topic) in (('goal', 'goal'), ('pose', 'tip'), ('trajectory', 'trajectory'))))

    def take(self, entry: dict[str, Any]) -> None:
        """Record its output."""
        self._ready = True
        if entry['event'] == 'pose':
            self.poses.append(entry['at'])

    def wait_ready(self) -> None:
        """Wait until it has subscribed."""
        wait_until(lambda: self._ready, 'the follower')


def going(programs: Programs, bridge: Bridge) -> SimulatedJoints:
    """Send the tip far away; returns the arm when it is on its way."""
    arm: SimulatedJoints = programs.add(SimulatedJoints(
        bridge.topic('trajectory'), 'slide', joint_states=bridge.topic('joints'),
        pose=bridge.topic('tip'), speed=0.1))
    programs.add(Follower(bridge))
    bridge.wait_drivers('arm')
    arm.wait_matched(bridge.topic('trajectory'))
    client = programs.client(bridge.address)
    wait_until(lambda: client.ask('call', component='arm', name='arm', method='get_end_position')[
        'ok'], 'a pose')
    # While joint states are awaited, it is idle as well, and refuses motion.
    bridge.wait_logged(r'arm: stopped \(verified\)')
    client.begin('call', component='arm', name='arm', method='move_to_position',
                 arguments=[{'Pose': {'x': 2000.0, 'o_z': 1.0}}])
    wait_until(lambda: arm.told and arm.told[-1].kind == 'trajectory'
               and arm.told[-1].end[0] > 0.05, 'motion')
    return arm


def check_at_rest(arm: SimulatedJoints) -> None:
    """Check that the arm receives no further motion: no trajectory, or all to one place."""
    def rests() -> bool:
        lately = arm.since(time.monotonic() - 0.5, 'trajectory')
        ends = [one.end[0] for one in lately]
        return not ends or max(ends) - min(ends) < 0.001
    wait_until(rests, 'rest')
    assert arm.told[-1].end[0] < 1.5, 'it went on to the goal'


def test_the_guard_stops_the_node_that_pursues_a_pose(programs: Programs) -> None:
    """It never sent that pose; the bridge that did was killed."""
    bridge = programs.bridge({**settings({'arm': ARM}), 'guard': {
        'patience': PATIENCE, 'required': True}})
    guard = programs.guard(bridge)
    arm = going(programs, bridge)
    bridge.kill()
    guard.wait_logged('arm: stopped')
    check_at_rest(arm)


def test_a_restarted_bridge_stops_the_node_that_pursues_a_pose(programs: Programs) -> None:
    """Its first stop reaches the goal of the bridge before it."""
    parameters = settings({'arm': {**ARM, 'accept_no_timeout': True}})
    bridge = programs.bridge(parameters)
    arm = going(programs, bridge)
    bridge.kill()
    again = programs.bridge(parameters, namespace=bridge.namespace)
    again.wait_logged('arm: stopped')
    check_at_rest(arm)
