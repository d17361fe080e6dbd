"""Batches: what goes out to be labelled, how it is written down or pushed, and what has come back of it.

`compose` decides what goes out, `returned` what has come back; both know no files. `payload` is what people get to
see of a row, `written` its file formats, `sent` the record of what was sent, and `push` a running Label Studio.
"""
