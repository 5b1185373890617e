"""Trained networks for use elsewhere: exported to other programs, made smaller."""
