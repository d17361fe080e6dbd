"""Telling people what changed in a night, once.

`standing` says what holds, `told` what of it is news, `senders` take a message out of the house, `tell` is all of it.
"""
