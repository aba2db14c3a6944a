"""Texts: from documents to a trained classifier of their words."""
