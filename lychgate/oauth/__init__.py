"""Our two authorization servers, without a web framework: clients, codes, grants, tokens."""
