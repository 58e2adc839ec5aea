# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Command-line programs for users; no part of the bridge imports them."""
