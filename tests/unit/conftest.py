"""Hypothesis without a deadline: the machine may be busy with a training."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
