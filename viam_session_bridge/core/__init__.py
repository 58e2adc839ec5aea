# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The core decides; it does no I/O, reads no clock, starts no thread and knows no ROS or gRPC.

Every call takes the time as a number of seconds on a steady clock that the caller keeps. What
belongs here: sessions, presence, the state machine of one actuator, and who last commanded what.
What does not: anything that needs a library, a socket, a topic or a lock.
"""
