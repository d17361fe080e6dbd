"""Which labels a model doubts, which items stand apart or twice, and how noisy each class is."""
