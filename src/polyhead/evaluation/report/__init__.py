"""Reports that people read: one HTML page, which needs no network."""

from polyhead.evaluation.report.page import render, write_report

__all__ = ["render", "write_report"]
