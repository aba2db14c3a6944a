"""Choosing the penalty: fits of folds along a grid, and what they are worth."""
