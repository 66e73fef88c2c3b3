"""The same questions to several database systems: answers proven equal, honest speed, cost beside it."""
