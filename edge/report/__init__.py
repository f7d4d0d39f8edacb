"""Scores to pages: mean average precision from ground truth, and the report of a build."""
