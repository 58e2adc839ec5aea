# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The readers of feedback topics; the interfaces are in tools.py and source.py."""
