"""Scores to pages: ground truth in, mean average precision out."""
