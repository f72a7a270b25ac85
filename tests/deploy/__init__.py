"""The files for running it: units, containers, and what stands in them."""
