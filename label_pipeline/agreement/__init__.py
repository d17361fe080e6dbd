"""How far annotators agree beyond chance, each figure with its interval over items."""
