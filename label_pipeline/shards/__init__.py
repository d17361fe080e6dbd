"""The same kernels on shards of items: for annotations that do not fit one process, or one machine.

Every statistic of consensus, agreement, annotators and noise is a sum over items, and then a small step for all. So a
pass asks each shard for its sum, adds them in the order of the shards, and hands what follows from them to the next
pass. A method here gives what the same method gives on all votes at once; only the order of additions differs.
"""
