"""The label-quality pipeline. What a training job needs can be had from here, and is imported when asked for.

Every other part is imported from where it stands.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from label_pipeline.publish.load import TrainingSet, load_training_set

__all__ = ["TrainingSet", "load_training_set"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'label_pipeline' has no attribute '{name}'")
    from label_pipeline.publish import load

    return getattr(load, name)
