"""People's data: pseudonyms at the door. Roles, erasure and audit belong here too."""
