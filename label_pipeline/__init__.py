"""The label-quality pipeline. Nothing is imported here: every part is imported from where it stands."""
