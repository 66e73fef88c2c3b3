"""The engines: one module each, and the only importer of its driver."""
