# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The core decides; it does no I/O, reads no clock, starts no thread and needs no ROS or gRPC.

Every call takes the time as a number of seconds on the caller's steady clock. Here: sessions,
presence, the state machine of one actuator, and which client last commanded which resource. Not
here: anything that needs a library, a socket, a topic or a lock.
"""
