"""Guideline versions: their texts, how well people agree under each, and examples for the next one."""
