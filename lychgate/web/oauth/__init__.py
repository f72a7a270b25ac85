"""The endpoints of managed OAuth on the team domain."""
