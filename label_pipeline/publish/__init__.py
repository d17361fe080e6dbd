"""Training sets: candidate, profile, acceptance, immutable versions, and loading them.

`load_training_set` is what a training job imports, and the only thing imported here.
"""

from label_pipeline.publish.load import TrainingSet, load_training_set

__all__ = ["TrainingSet", "load_training_set"]
