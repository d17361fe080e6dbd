"""From a running Label Studio to landing files: plain HTTP, resumable, nothing lost and nothing twice.

`server` asks over HTTP, `label_studio` knows the tool's questions and answers, `landed` knows what was pulled before
from the files themselves, and `run` puts the three together. How the files are read is `sources.label_studio`'s.
"""

from label_pipeline.pull.run import Pulled, pull_source, pulled_sources, said

__all__ = ["Pulled", "pull_source", "pulled_sources", "said"]
