"""The gold set: items whose truth is settled, and its life from day to day. See `life`."""
