# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Feedback: what reads the topics that show a resource. SOURCES of a module: see tools.py."""
