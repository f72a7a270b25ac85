"""Tests of the command line that goes through a gate."""
