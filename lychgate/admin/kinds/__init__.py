"""What is particular to each kind of object: how it is read, checked and shown."""
