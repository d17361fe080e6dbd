"""How each annotator works: quality, confusions, pace, repetition and drift, each with a minimum of evidence."""
