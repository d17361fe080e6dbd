"""The pilot: a small first batch that tells whether guidelines, people and budget are ready for the rest."""
